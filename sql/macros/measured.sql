-- The definition of every measure: a struct each, with the part that one relevant pair contributes to its
-- query, in expectation over the pair's possible ranks. The sum over a query's pairs is its measure.
-- `measured` has those that are known over candidate pools, `measured_whole` those of the whole gallery alone.
-- Nothing else lists the measures: the view `measures` has them as rows, and `sums` sums whatever is here.
-- `pair` is a row of the CTE `expected` of `sums`: inside is P(rank <= K), discounted is
-- E[1 / log2(rank + 1); rank <= K], first is as inside and reciprocal is E[1 / rank] if no relevant item
-- comes before, precision is E[(relevant items before + 1) / rank]; the suffix _k or _r means that only
-- ranks up to K or R count.
create macro measured(pair, k) as {
    'recall': {
        'label': 'Recall', 'has_k': true, 'better': 'higher', 'of': 'mean',
        'also': ['Recall@K', 'recall_K (trec_eval)', 'recall_at_K (MTEB)'],
        'part': pair.inside / pair.relevants
    },
    'hit_rate': {
        'label': 'Hit rate', 'has_k': true, 'better': 'higher', 'of': 'mean',
        'also': ['R@K of CLIP papers', 'image_retrieval_recall@K (CLIP_benchmark)', 'success_K (trec_eval)'],
        'part': pair.first_k
    },
    'mrr': {
        'label': 'MRR', 'has_k': false, 'better': 'higher', 'of': 'mean',
        'also': ['recip_rank (trec_eval)', 'mean reciprocal rank'],
        'part': pair.reciprocal
    },
    'mrr@k': {
        'label': 'MRR', 'has_k': true, 'better': 'higher', 'of': 'mean',
        'also': ['MRR@K (MS MARCO)', 'mrr_at_K (MTEB)'],
        'part': pair.reciprocal_k
    },
    'ndcg': {
        'label': 'NDCG', 'has_k': true, 'better': 'higher', 'of': 'mean',
        'also': ['ndcg_cut_K (trec_eval)', 'ndcg_at_K (MTEB)'],
        'part': pair.gain * pair.discounted
    },
    'ndcg_exp': {
        'label': 'NDCG, exponential gain', 'has_k': true, 'better': 'higher', 'of': 'mean',
        'also': ['ndcg_burges (ranx)', 'NDCG of Burges et al. (2005)'],
        'part': pair.gain_exp * pair.discounted
    },
    'precision': {
        'label': 'Precision', 'has_k': true, 'better': 'higher', 'of': 'mean',
        'also': ['P_K (trec_eval)', 'P@K'],
        'part': pair.inside / k
    }
};

-- The measures that only the whole gallery has; `pair` as above.
create macro measured_whole(pair) as {
    'map': {
        'label': 'MAP', 'has_k': false, 'better': 'higher', 'of': 'mean',
        'also': ['map (trec_eval)', 'mean average precision'],
        'part': pair.precision / pair.relevants
    },
    'r_precision': {
        'label': 'R-precision', 'has_k': false, 'better': 'higher', 'of': 'mean',
        'also': ['Rprec (trec_eval)', 'rprecision (eccv_caption)', 'recall at K = R'],
        'part': pair.inside_r / pair.relevants
    },
    'map_at_r': {
        'label': 'MAP@R', 'has_k': false, 'better': 'higher', 'of': 'mean',
        'also': ['map_at_r (eccv_caption)', 'MAP@R of Musgrave et al. (2020)'],
        'part': pair.precision_r / pair.relevants
    },
    'mean_rank': {
        'label': 'Mean rank', 'has_k': false, 'better': 'lower', 'of': 'mean',
        'also': ['MeanR'],
        'part': pair.first_rank
    },
    'median_rank': {
        'label': 'Median rank', 'has_k': false, 'better': 'lower', 'of': 'median',
        'also': ['MedR'],
        'part': pair.first_rank
    },
    'ann_recall': {
        'label': 'ANN recall', 'has_k': true, 'better': 'higher', 'of': 'lists',
        'also': ['recall of ann-benchmarks'],
        'part': pair.agreed
    }
};
