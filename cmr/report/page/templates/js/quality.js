  // How good each is at each C, what is kept against bytes, and lift: rows of what is asked for at the top.
  const SPREAD = 13;
  // Where names stand at the ends of lines: in pixels from the top, apart from each other.
  const spread = (places, height) => {
    const order = places.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at);
    const gap = Math.min(SPREAD, height / Math.max(1, order.length));
    order.forEach((one, place) => { if (place) one.at = Math.max(one.at, order[place - 1].at + gap); });
    for (let place = order.length - 1, limit = height; place >= 0; place -= 1, limit -= gap) {
      order[place].at = Math.min(order[place].at, limit);
      limit = Math.min(limit, order[place].at);
    }
    const found = [];
    order.forEach((one) => { found[one.index] = one.at; });
    return found;
  };
  const looksOf = (box) => page.parts[box.dataset.part];
  // Queries won, lost and equal against the baseline, where single queries are in the page.
  const outcome = (row, protocol) => {
    const found = row.baseline && isWhole(protocol) ? pairOf(row.baseline, row.run_id, asked("measure"), chosenK()) : null;
    return found ? [found.wins, found.losses, found.ties].map(counted).join(", ") : "–";
  };
  const prepare = (rows, box) => {
    const part = looksOf(box), difference = asked("as") === "difference" && rows.some((row) => isNumber(row.difference));
    const points = (value) => (isNumber(value) ? 100 * value : value);
    const shown = rows.filter((row) => !difference || isNumber(row.difference)).map((row) => {
      const own = isNumber(row.ci_low) ? [row.ci_low, row.ci_high] : [row.value, row.value];
      const beside = isNumber(row.difference_low) ? [row.difference_low, row.difference_high] : [row.difference, row.difference];
      return {
        ...part.looks[row.width], ...part.looks[row.precision],
        representation: row.representation, name: row.representation, run_id: row.run_id, candidates: row.candidates, width: row.width,
        shown: difference ? points(row.difference) : row.value,
        low: difference ? points(beside[0]) : own[0], high: difference ? points(beside[1]) : own[1],
        pool: counted(row.candidates), isBase: row.run_id === row.baseline,
        said: fixed(row.value) + range(row.ci_low, row.ci_high, (one) => fixed(one, 3)),
        moved: isNumber(row.difference)
          ? signed(100 * row.difference) + range(row.difference_low, row.difference_high, (one) => signed(100 * one)) + ` ${words.points}` : "–",
        counted: `${counted(row.queries)}, ${counted(row.clusters)}`,
        outcomes: outcome(row, row.protocol),
      };
    });
    return { shown, difference, base: shown.find((row) => row.isBase)?.representation };
  };
  const byLine = (rows) => {
    const lines = new Map();
    rows.forEach((row) => lines.set(row.run_id, [...(lines.get(row.run_id) ?? []), row]));
    return [...lines.values()].map((line) => line.sort((a, b) => a.candidates - b.candidates));
  };
  // Lines that would hide each other are drawn once, under the name of the baseline or the first.
  const apart = (lines) => {
    const groups = new Map();
    lines.forEach((line) => {
      const key = line.map((row) => `${row.candidates}:${row.shown.toFixed(7)}`).join(" ");
      groups.set(key, [...(groups.get(key) ?? []), line]);
    });
    return [...groups.values()].map((group) => group.sort((a, b) => b[0].isBase - a[0].isBase));
  };
  const reach = (rows, difference, height) => {
    const ends = rows.flatMap((row) => [row.low, row.high, row.shown]).concat(difference ? [0] : []);
    const low = Math.min(...ends), high = Math.max(...ends), pad = Math.max((high - low) * 10 / height, 1e-4);
    // Nothing beyond what the measure can be; the points at an end still lie inside the frame.
    const [least, most] = difference ? [-100, 100] : [0, 1];
    return [Math.max(least, low - pad), Math.min(most, high + pad)];
  };
  const equalNote = (groups) => {
    const told = groups.filter((group) => group.length > 1)
      .map((group) => group.map((line) => line[0].representation).join(" = "));
    return told.length ? say(words.equal, { names: told.join("; ") }) : "";
  };
  makers.quality = (box, every) => {
    const rows = every.filter(ofMeasure), protocol = chosenProtocol(rows);
    const { shown, difference, base } = prepare(rows.filter((row) => row.protocol === protocol), box);
    const name = measureName(asked("measure"), asked("k"));
    const groups = apart(byLine(shown)), note = box.parentElement.querySelector(".equal"), about = box.parentElement.querySelector(".pools");
    note.textContent = "";
    about.textContent = `(${words.protocols[protocol] ?? ""})`;
    if (!groups.length) return sentence(box, words.nothing);
    if (groups.length === 1) {
      const figures = groups[0][0].map((row) => say(words.at, { value: row.said, c: row.pool })).join("; ");
      const names = groups[0].map((line) => line[0].representation).join(" = ");
      return sentence(box, `${names}: ${name} ${figures}.`);
    }
    note.textContent = equalNote(groups);
    const kept = groups.flatMap((group) => group[0]), sizes = [...new Set(kept.map((row) => row.candidates))].sort((a, b) => a - b);
    const title = difference ? say(words.gained, { measure: name, base: base ?? words.baseline }) : name;
    const common = { beneath: words.candidates, title, format: difference ? "+.3~f" : ".3~f", measure: name };
    if (sizes.length === 1) {
      const order = kept.sort((a, b) => b.shown - a.shown).map((row) => row.representation);
      const height = 22 * order.length;
      const spec = specOf("spec-dots", { ...common, order, height, reach: reach(kept, difference, 300) });
      return plot(box, spec, { rows: kept }, box.dataset.alt);
    }
    return plotLines(box, groups.map((group) => group[0]), common, difference);
  };
  // Lines with their names at their ends, as far apart as names have to be.
  const plotLines = (box, lines, common, difference) => {
    const kept = lines.flat(), sizes = [...new Set(kept.map((row) => row.candidates))].sort((a, b) => a - b);
    const height = Math.max(300, SPREAD * lines.length + 20), [low, high] = reach(kept, difference, height);
    const ends = lines.map((line) => line.at(-1));
    const pixels = spread(ends.map((row) => height * (high - row.shown) / (high - low)), height);
    const labels = ends.map((row, at) => ({
      candidates: row.candidates, at: row.shown, place: high - pixels[at] * (high - low) / height, hue: row.hue, representation: row.representation,
    }));
    const wide = sizes.at(-1) >= 8 * sizes[0];
    const spec = specOf("spec-lines", {
      ...common, height, sizes, reach: [low, high], scale: wide ? "log" : "linear", zero: wide ? undefined : false, across: [sizes[0], sizes.at(-1)],
      from: 8, to: { expr: "width - 132" }, band: Math.max(0.03, 0.3 / (lines.length + 1)),
    });
    return plot(box, spec, { rows: kept, labels }, box.dataset.alt);
  };

  makers.bytes = (box, every) => {
    const part = looksOf(box), name = measureName(asked("measure"), asked("k"));
    const rows = every.filter((row) => ofMeasure(row) && isNumber(row.retention)).map((row) => ({
      ...row, outcomes: outcome(row, "full"), queries: part.queries[row.run_id],
      interval: isNumber(row.ci_low) ? `${fixed(100 * row.ci_low, 2)} – ${fixed(100 * row.ci_high, 2)}%` : "–",
    }));
    if (!byId(`spec-${box.dataset.key}`)) return undefined;
    if (!rows.length) return sentence(box, words.nothing);
    const bytes = rows.map((row) => Math.log(row.vector_bytes)), middle = (Math.min(...bytes) + Math.max(...bytes)) / 2;
    rows.forEach((row, at) => { if (row.front) row.side = bytes[at] <= middle ? "left" : "right"; });
    const ends = rows.flatMap((row) => [row.ci_low ?? row.retention, row.ci_high ?? row.retention, row.retention]);
    const low = Math.min(...ends), high = Math.max(...ends), pad = Math.max((high - low) * 0.06, 1e-4);
    const spec = specOf(`spec-${box.dataset.key}`, {
      title: say(words.kept, { measure: name }), low: Math.max(0, low - pad), high: high + pad,
    });
    return plot(box, spec, { rows }, box.dataset.alt);
  };

  makers.lift = (box, every) => {
    const rows = every.filter(ofMeasure), protocol = chosenProtocol(rows);
    const mine = rows.filter((row) => row.protocol === protocol);
    if (!mine.length) return sentence(box, words.nothing);
    const sizes = [...new Set(mine.map((row) => row.candidates))].sort((a, b) => a - b);
    const names = [...new Set(mine.map((row) => row.representation))];
    const cells = new Map(mine.map((row) => [`${row.representation} ${row.candidates}`, row]));
    const head = make("tr", {}, make("th", { scope: "col", textContent: words.representation }),
      ...sizes.map((size) => make("th", { scope: "col", className: "n", textContent: `C = ${counted(size)}` })));
    const chance = make("tr", { className: "quiet" }, make("td", { textContent: words.chance }),
      ...sizes.map((size) => make("td", { className: "n", textContent: fixed(mine.find((row) => row.candidates === size).chance) })));
    const body = names.map((name) => make("tr", {}, make("td", { textContent: name }), ...sizes.map((size) => {
      const row = cells.get(`${name} ${size}`);
      return make("td", { className: "n", textContent: isNumber(row?.lift) ? `${fixed(row.lift, row.lift < 10 ? 2 : 1)}` : "–" });
    })));
    const caption = make("caption", { textContent: say(words.times, { measure: measureName(asked("measure"), asked("k")), protocol: words.protocols[protocol] }) });
    const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, chance, ...body));
    box.replaceChildren(make("div", { className: "scroll lift", tabIndex: 0 }, table));
    markScrolls();
    return undefined;
  };
