  // Any two runs, query by query, by the formulas of `compare` (docs/method.md, Intervals and advice).
  const chosenMeasure = () => ({ measure: asked("measure"), k: chosenK() });
  const paired = new Map();
  const inflated = async (text) => {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  };
  // A browser that cannot inflate them shows all but the pairs.
  const openPairs = () => Promise.all(all("script.pairs").map(async (one) => {
    const found = JSON.parse(one.textContent);
    const [values, states, clusters, texts] = await Promise.all(["values", "states", "clusters", "texts"].map((name) => inflated(found[name])));
    paired.set(one.dataset.name, {
      ...found, values: new Float64Array(values), states: new Uint32Array(states), clusters: new Uint32Array(clusters),
      texts: JSON.parse(new TextDecoder().decode(texts)), kept: new Map(),
    });
  })).catch(() => undefined);
  // A measure of every query in a run, and NaN where the run lacks it.
  const column = (data, measure, k) => data.keys.findIndex(([name, cut]) => name === measure && (cut ?? null) === (k ?? null));
  const valuesOf = (data, run, at) => {
    const count = data.queries.length, many = data.values.length / data.keys.length, from = data.runs.indexOf(run) * count;
    return Float64Array.from({ length: count }, (_none, query) => {
      const state = data.states[from + query];
      return state ? data.values[at * many + state - 1] : NaN;
    });
  };
  const piece = (squares, sizes, worst, net) =>
    (squares + 3 * worst * worst) / (sizes + 3 * worst) * (3 * worst + Math.max(net, 0)) / (sizes + 3 * worst);
  const reachAt = (t, spreadOf, one) => {
    const half = t * t * one / 2;
    return half + Math.sqrt(half * half + t * t * spreadOf);
  };
  const normalP = (z) => {
    const x = Math.abs(z) / Math.SQRT2, t = 1 / (1 + 0.5 * x);
    return t * Math.exp(-x * x - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
      + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
  };
  const studentP = (t, freedom) => {
    const square = t * t;
    if (freedom === 1) return 1 - 2 / Math.PI * Math.atan(Math.abs(t));
    if (freedom === 2) return 1 - Math.abs(t) / Math.sqrt(2 + square);
    if (freedom === 3) return 1 - 2 / Math.PI * (Math.atan(Math.abs(t) / Math.sqrt(3)) + Math.abs(t) * Math.sqrt(3) / (3 + square));
    if (freedom === 4) return 1 - Math.abs(t) / Math.sqrt(4 + square) * (1 + 2 / (4 + square));
    const y = (freedom - 0.5) * Math.log(1 + square / freedom), b = 48 * (freedom - 0.5) ** 2;
    return normalP(((((-0.4 * y - 3.3) * y - 24) * y - 85.5) / (0.8 * y * y + 100 + b) + y + 3) / b * Math.sqrt(y) + Math.sqrt(y));
  };
  const compared = (data, a, b, measure, k) => {
    const at = column(data, measure, k);
    if (at < 0) return null;
    const x = valuesOf(data, a, at), y = valuesOf(data, b, at), ns = new Map(), ds = new Map();
    let queries = 0, totalA = 0, totalB = 0, more = 0, less = 0;
    for (let query = 0; query < x.length; query += 1) {
      if (Number.isNaN(x[query]) || Number.isNaN(y[query])) continue;
      const raw = y[query] - x[query], d = Math.abs(raw) > 1e-12 * Math.max(1, Math.abs(x[query])) ? raw : 0;
      const cluster = data.clusters[query];
      ns.set(cluster, (ns.get(cluster) ?? 0) + 1);
      ds.set(cluster, (ds.get(cluster) ?? 0) + d);
      queries += 1;
      totalA += x[query];
      totalB += y[query];
      more += d > 0;
      less += d < 0;
    }
    let total = 0, dd = 0, ad = 0, nd = 0, nn = 0;
    ns.forEach((n, cluster) => {
      const d = ds.get(cluster);
      total += d; dd += d * d; ad += Math.abs(d); nd += n * d; nn += n * n;
    });
    const clusters = ns.size, difference = total / queries, worst = nn / queries;
    const found = {
      value_a: totalA / queries, value_b: totalB / queries, difference, wins: more, losses: less,
      ties: queries - more - less, queries, clusters, ci_low: null, ci_high: null, p: null,
    };
    if (clusters <= 1) return found;
    const residual = dd - 2 * difference * nd + difference * difference * nn;
    const spreadOf = residual <= 1e-12 * dd ? 0 : residual * clusters / (clusters - 1);
    const inside = (value) => Math.max(-1, Math.min(1, value));
    found.ci_low = inside((total - reachAt(data.t, spreadOf, piece(dd, ad, worst, -total))) / queries);
    found.ci_high = inside((total + reachAt(data.t, spreadOf, piece(dd, ad, worst, total))) / queries);
    found.p = Math.abs(total) <= 1e-12 ? 1 : Math.max(2 ** (1 - clusters),
      studentP(Math.abs(total) / Math.sqrt(spreadOf + piece(dd, ad, worst, 0) * Math.abs(total)), clusters - 1));
    return found;
  };
  // Holm's correction of p-values, null where nothing was tested.
  const holm = (ps) => {
    const order = ps.map((p, at) => ({ p, at })).filter((one) => isNumber(one.p)).sort((a, b) => a.p - b.p), found = ps.map(() => null);
    let largest = 0;
    order.forEach((one, place) => {
      largest = Math.max(largest, Math.min(1, (order.length - place) * one.p));
      found[one.at] = largest;
    });
    return found;
  };
  const dataOf = (a, b) => {
    const name = page.pairs[a], data = name && name === page.pairs[b] ? paired.get(name) : null;
    return data && data.learnt.includes(a) === data.learnt.includes(b) ? data : null;
  };
  const pairOf = (a, b, measure, k) => {
    const data = dataOf(a, b);
    if (!data) return null;
    const key = [a, b, measure, k].join();
    if (!data.kept.has(key)) data.kept.set(key, compared(data, a, b, measure, k));
    return data.kept.get(key);
  };
  // Queries whose first relevant item enters or leaves the top K, the largest moves first.
  const flipsOf = (a, b, k) => {
    const data = dataOf(a, b);
    if (!data) return [];
    const at = column(data, "rank", null), x = valuesOf(data, a, at), y = valuesOf(data, b, at);
    const found = [];
    data.queries.forEach((query, place) => {
      const rank_a = x[place], rank_b = y[place];
      if ((rank_a <= k) !== (rank_b <= k) && !Number.isNaN(rank_a + rank_b)) {
        found.push({ query, text: data.texts[place], rank_a, rank_b, change: rank_b <= k ? "won" : "lost" });
      }
    });
    const move = (one) => Number(Math.abs(Math.log(one.rank_b / one.rank_a)).toFixed(10));
    return found.sort((p, q) => move(q) - move(p) || (p.query < q.query ? -1 : 1));
  };
