  // Two runs of the reader's choice, and the matrix of pairs at the chosen measure and K.
  const numberOf = (value) => (value === Math.round(value) ? counted(value) : value.toFixed(1));
  const pValue = (p) => (!isNumber(p) ? "–" : p < 1e-4 ? "< .0001" : p.toFixed(4).replace(/^0/, ""));
  // Cells carry their figures in full, as data-v.
  const cell = (text, value) => {
    const one = make("td", { textContent: text, className: value === undefined ? "" : "n" });
    if (isNumber(value)) one.dataset.v = value;
    return one;
  };
  const points = (value) => cell(signed(100 * value), value);
  const pairRow = (row, name) => make("tr", {}, cell(name), cell(fixed(row.value_a), row.value_a), cell(fixed(row.value_b), row.value_b),
    points(row.difference), points(row.ci_low), points(row.ci_high), cell(pValue(row.p), row.p), cell(pValue(row.p_holm), row.p_holm),
    ...[row.wins, row.losses, row.ties].map((value) => cell(counted(value), value)));
  const tableOf = (heads, rows) => make("table", {}, make("thead", {}, make("tr", {}, ...heads.map(([text, right]) =>
    make("th", { scope: "col", textContent: text, className: right ? "n" : "" })))), make("tbody", {}, ...rows));
  const FLIPS = 40;
  const showPair = (box) => {
    const id = box.id, way = asked(`${id}.way`) || box.dataset.way, usual = page.parts[box.dataset.part].pair[way] ?? [];
    const data = paired.get(page.pairs[usual[0]]), fields = box.querySelector("form").elements, out = box.querySelector(".pair-out");
    fields.way.value = way;
    if (!data) { out.replaceChildren(make("p", { className: "note", textContent: words.unpaired })); return; }
    const [a, b] = ["a", "b"].map((name, at) => {
      const menu = fields[name], wanted = asked(`${id}.${name}`);
      menu.replaceChildren(...data.runs.map((run, place) => make("option", { value: run, textContent: data.names[place] })));
      menu.value = data.runs.includes(wanted) ? wanted : usual[at];
      return menu.value;
    });
    const nameOf = (run) => data.names[data.runs.indexOf(run)];
    if (!dataOf(a, b)) { out.replaceChildren(make("p", { className: "note", textContent: words.learnt })); return; }
    const measured = data.keys.filter(([name]) => name !== "rank").map(([name, k]) => ({ name, k, ...pairOf(a, b, name, k) }));
    holm(measured.map((row) => row.p)).forEach((p, at) => { measured[at].p_holm = p; });
    const { measure, k } = chosenMeasure(), row = measured.find((one) => one.name === measure && (one.k ?? null) === k) ?? measured[0];
    const lead = make("p", { className: "pair-lead", textContent: say(words.pair, {
      a: nameOf(a), b: nameOf(b), measure: measureName(row.name, row.k), difference: signed(100 * row.difference),
      low: signed(100 * row.ci_low), high: signed(100 * row.ci_high), p: `p ${isNumber(row.p) && row.p < 1e-4 ? "" : "= "}${pValue(row.p)}`,
      wins: counted(row.wins), losses: counted(row.losses), ties: counted(row.ties), queries: counted(row.queries), clusters: counted(row.clusters),
    }) });
    const heads = [[words.measure], ["a", 1], ["b", 1], [words.minus, 1], [words.from, 1], [words.to, 1], ["p", 1], [words.holm, 1], [words.wonBy, 1], [words.lostBy, 1], [words.same, 1]];
    const figuresOf = make("div", { className: "scroll", tabIndex: 0 }, tableOf(heads, measured.map((one) => pairRow(one, measureName(one.name, one.k)))));
    const top_k = Number(asked("k")), every = flipsOf(a, b, top_k), which = asked(`${id}.which`);
    const mine = every.filter((one) => !which || one.change === which), most = asked(`${id}.all`) ? mine.length : FLIPS;
    fields.which.value = which;
    const flips = mine.slice(0, most).map((one) => make("tr", {},
      make("td", { textContent: one.change === "won" ? words.wonOne : words.lostOne, className: one.change }),
      make("td", { textContent: one.text, className: "text", title: one.query }),
      make("td", { textContent: numberOf(one.rank_a), className: "n" }), make("td", { textContent: numberOf(one.rank_b), className: "n" })));
    const lost = every.filter((one) => one.change === "lost").length;
    const title = make("h4", { textContent: say(words.flips, { k: top_k, lost: counted(lost), won: counted(every.length - lost) }) });
    const rest = mine.length > most || asked(`${id}.all`) ? make("button", {
      type: "button", textContent: asked(`${id}.all`) ? say(words.fewer, { count: FLIPS }) : say(words.every, { count: mine.length }),
      onclick: () => set({ [`${id}.all`]: asked(`${id}.all`) ? "" : "yes" }),
    }) : null;
    out.replaceChildren(lead, figuresOf, title, ...(mine.length ? [make("div", { className: "scroll", tabIndex: 0 },
      tableOf([[words.change], [words.query], [words.rankA, 1], [words.rankB, 1]], flips))] : []), ...(rest ? [rest] : []),
      make("p", { className: "small quiet", textContent: say(words.command, { command: `cmr compare ${a} ${b}` }) }));
    markScrolls();
  };
  const pairBoxes = all(".pair-of");
  const showPairs = () => pairBoxes.filter((box) => !box.closest("[hidden]")).forEach(showPair);
  pairBoxes.forEach((box) => {
    const form = box.querySelector("form");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => {
      const changes = { [`${box.id}.${event.target.name}`]: event.target.value };
      if (event.target.name === "way") Object.assign(changes, { [`${box.id}.a`]: "", [`${box.id}.b`]: "" });
      set(changes);
    });
    box.querySelector(".swap").addEventListener("click", () => set({ [`${box.id}.a`]: form.elements.b.value, [`${box.id}.b`]: form.elements.a.value }));
  });
  listen((changed) => { if (!(changed.size === 1 && changed.has("hi"))) showPairs(); });

  makers.compare = (box, rows) => {
    const { measure, k } = chosenMeasure(), key = box.dataset.key, code = document.querySelector(`code[data-key="${key}"]`);
    const name = measureName(measure, k), usual = measure === "recall" && k === 10;
    box.parentElement.querySelector(".pools").textContent = `${name}, ${words.protocols.full}`;
    code.dataset.first ??= code.textContent;
    code.textContent = usual ? code.dataset.first
      : code.dataset.first.replace("])", `], measure_name := '${measure}'${k === null ? "" : `, cut := ${k}`})`);
    let mine = rows;
    if (!usual) {
      mine = rows.map((row) => ({ ...row, ...pairOf(row.run_a, row.run_b, measure, k) }));
      if (rows.some((row) => !pairOf(row.run_a, row.run_b, measure, k))) return sentence(box, words.unpaired);
      holm(mine.map((row) => row.p)).forEach((p, at) => {
        const sure = p !== null && p < 0.05, { difference } = mine[at];
        Object.assign(mine[at], { p_holm: p, outcome: sure && difference > 0 ? "better" : sure && difference < 0 ? "worse" : "open" });
      });
    }
    rowsShown.set(key, mine);
    return plot(box, specOf(`spec-${key}`), { rows: mine }, box.dataset.alt);
  };
