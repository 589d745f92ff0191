  // The overview: each model's front against bytes, and the figures of the table.
  const frontOf = (rows) => {
    let best = -Infinity;
    return rows.sort((a, b) => a.candidates - b.candidates || b.shown - a.shown)
      .filter((row) => { const better = row.shown > best + 1e-12; best = Math.max(best, row.shown); return better; });
  };
  makers.models = (box, every) => {
    const name = measureName(asked("measure"), asked("k")), models = new Map();
    every.filter(ofMeasure).filter((row) => isNumber(row.value)).forEach((row) => models.set(row.model, [...(models.get(row.model) ?? []), {
      hue: page.hues[row.model], dash: [1, 0], shape: page.shapes[row.precision],
      representation: row.model, name: `${row.model}, ${row.representation}`,
      candidates: row.vector_bytes, pool: counted(row.vector_bytes), shown: row.value,
      low: row.value_low ?? row.value, high: row.value_high ?? row.value,
      said: fixed(row.value) + range(row.value_low, row.value_high, (one) => fixed(one, 3)),
      moved: "–", outcomes: "–", counted: counted(row.clusters),
    }]));
    if (!models.size) return sentence(box, words.nothing);
    return plotLines(box, [...models.values()].map(frontOf), {
      beneath: words.bytes, title: `${name}, ${words.protocols.full}`, format: ".3~f", measure: name,
    }, false);
  };
  const index = new Map();
  const figure = (keys, run) => {
    keys.split(" ").filter((key) => !index.has(key)).forEach((key) => {
      const rows = new Map();
      rowsOf(key).forEach((row) => rows.set(row.run_id, [...(rows.get(row.run_id) ?? []), row]));
      index.set(key, rows);
    });
    const mine = keys.split(" ").flatMap((key) => index.get(key).get(run) ?? []).filter(ofMeasure);
    const protocol = chosenProtocol(mine), c = chosenC(mine, protocol);
    return mine.find((row) => row.protocol === protocol && row.candidates === c);
  };
  const showScores = () => all("td[data-score]").forEach((cell) => {
    const row = figure(cell.dataset.keys, cell.dataset.score);
    cell.dataset.v = row?.value ?? "";
    const within = row ? range(row.ci_low, row.ci_high, (one) => fixed(one, 3)).trim() : "";
    cell.replaceChildren(row ? fixed(row.value) : "–", " ", make("span", { className: "within", textContent: within }));
    const head = cell.closest("table").caption;
    if (row) head.textContent = `${measureName(row.measure, row.k)}, ${poolName(row.protocol, row.candidates)}`;
  });
  listen(showScores);
