  // Whatever scrolls sideways says so: a mark at the side where there is more.
  const markScroll = (box) => {
    const left = box.scrollWidth - box.clientWidth - box.scrollLeft, hides = box.scrollWidth > box.clientWidth + 4;
    box.classList.toggle("more-right", left > 4);
    box.classList.toggle("more-left", box.scrollLeft > 4);
    const before = box.previousElementSibling, told = before?.classList.contains("sideways");
    if (hides && !told) box.before(make("p", { className: "sideways", textContent: words.more }));
    if (!hides && told) before.remove();
  };
  const scrolling = () => all(".scroll, .chart.wide");
  const markScrolls = () => scrolling().filter((box) => box.offsetParent).forEach(markScroll);
  document.addEventListener("scroll", (event) => { if (event.target.classList?.contains("scroll")) markScroll(event.target); }, true);
  window.addEventListener("resize", markScrolls);

  // Tables: sorted by a click on a heading, filtered by what is chosen above them.
  all("th button").forEach((button) => button.addEventListener("click", () => {
    const heading = button.closest("th"), table = heading.closest("table");
    const up = sortsUp(heading);
    if (table.id) set({ [`${table.id}.sort`]: `${heading.cellIndex}${up ? "up" : "down"}` });
    else sortRows(heading, up);
  }));
  const sortAgain = (table) => {
    const [, column, way] = asked(`${table.id}.sort`).match(/^(\d+)(up|down)$/) ?? [];
    const heading = column && table.tHead.rows[0].cells[column];
    if (heading) sortRows(heading, way === "up");
  };

  // The leaderboard's figures are of the measure, K, protocol and C that are asked for.
  const boardOf = new Map();
  const figures = (table) => {
    if (!boardOf.has(table)) {
      const rows = table.dataset.keys.split(" ").flatMap(rowsOf), found = new Map();
      rows.forEach((row) => found.set([row.run_id, row.protocol, row.candidates, row.measure, row.k ?? ""].join(), row));
      boardOf.set(table, { found, rows });
    }
    return boardOf.get(table);
  };
  const fill = (table) => {
    const { found, rows } = figures(table), protocol = chosenProtocol(rows), c = chosenC(rows, protocol);
    const name = measureName(asked("measure"), asked("k"));
    [...table.tBodies[0].rows].forEach((line) => {
      const { run, protocol: its, c: size } = line.dataset;
      line.dataset.here = its === protocol && (isWhole(its) || Number(size) === c) ? "yes" : "";
      const row = found.get([run, its, size, asked("measure"), chosenK() ?? ""].join());
      const shown = row && {
        score: row.value, low: row.ci_low, high: row.ci_high,
        kept: row.baseline_value ? row.value / row.baseline_value : null, beside: row.difference,
      };
      all("td[data-of]", line).forEach((cell) => {
        const value = shown?.[cell.dataset.of];
        if (isNumber(value)) cell.dataset.v = value; else delete cell.dataset.v;
        cell.textContent = cell.dataset.of === "beside" ? signed(100 * value) : fixed(value);
      });
    });
    all("th[data-of=score] button", table).forEach((button) => { button.textContent = name; });
    all("th[data-of=kept] button", table).forEach((button) => { button.textContent = say(words.kept, { measure: name }); });
    table.caption.textContent = `${name}, ${poolName(protocol, c)}`;
  };

  const matches = (text, typed) => typed.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  const forms = all("form.filters[data-rows]");
  const texts = new Map();
  const wordsOf = (row) => {
    if (!texts.has(row)) texts.set(row, (row.dataset.words ?? row.textContent).toLowerCase());
    return texts.get(row);
  };
  const filter = (form) => {
    const kept = all(form.dataset.rows), fields = [...form.elements].filter((one) => one.name);
    const wanted = fields.map((one) => [one.name, asked(`${form.id}.${one.name}`).trim()]).filter(([, value]) => value);
    // Beyond so many rows a table is folded, and a button says so.
    const few = Number(form.dataset.few ?? Infinity), open = printing || asked(`${form.id}.all`) === "yes";
    let shown = 0;
    kept.forEach((row) => {
      const fits = row.dataset.here !== "" && wanted.every(([name, value]) => (
        name === "words" ? matches(wordsOf(row), value)
          : name === "slice" ? (row.dataset.slice ?? "").split("\n").includes(value) : row.dataset[name] === value));
      shown += fits;
      row.hidden = !fits || (!open && shown > few);
    });
    const rest = byId(`more-${form.id}`);
    if (rest) {
      rest.hidden = shown <= few;
      rest.textContent = open ? say(words.fewer, { count: few }) : say(words.every, { count: shown });
    }
    const count = kept.filter((row) => row.dataset.here !== "").length;
    form.querySelector("output").textContent = say(words.shown, { shown, all: count });
    all(".list").forEach((list) => {
      const left = list.querySelector("summary output");
      if (left) left.textContent = all(".entry:not([hidden])", list).length;
    });
  };
  const showFields = (form) => [...form.elements].forEach((one) => {
    if (one.name && one !== document.activeElement) one.value = asked(`${form.id}.${one.name}`);
  });
  forms.forEach((form) => {
    form.addEventListener("input", (event) => {
      const { name, value } = event.target;
      if (name) set({ [`${form.id}.${name}`]: value }, name === "words");
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      set(Object.fromEntries([...form.elements].filter((one) => one.name).map((one) => [`${form.id}.${one.name}`, ""])));
    });
  });

  all("[data-unfolds]").forEach((button) => button.addEventListener("click", () => {
    const name = `${button.dataset.unfolds}.all`;
    set({ [name]: asked(name) ? "" : "yes" });
  }));

  // Which columns: as many as fit, until some are chosen.
  const narrow = matchMedia("(max-width: 40rem)");
  const columnsShown = (table) => {
    const chosen = asked(`${table.id}.columns`);
    if (chosen) return new Set(chosen.split(","));
    const names = (narrow.matches ? table.dataset.few : table.dataset.usual).split(" ");
    // The chosen measure stands in a column of its own already.
    const twice = { mrr: "mrr", ndcg: `ndcg_${asked("k")}` }[asked("measure")];
    return new Set(names.filter((name) => name !== twice));
  };
  const showColumns = (table) => {
    const shown = columnsShown(table);
    all("[data-column]", table).forEach((cell) => { cell.hidden = !shown.has(cell.dataset.column); });
    all(`[data-table="${table.id}"] input`).forEach((box) => { box.checked = shown.has(box.name); });
    markScrolls();
  };
  all("[data-table]").forEach((menu) => menu.addEventListener("change", () => {
    const chosen = all("input:checked", menu).map((box) => box.name);
    set({ [`${menu.dataset.table}.columns`]: chosen.join(",") });
  }));
  narrow.addEventListener("change", () => all("table[data-usual]").forEach(showColumns));

  const showTables = () => {
    all("table[data-keys]").forEach(fill);
    all("table[id]").forEach(sortAgain);
    forms.forEach((form) => { showFields(form); filter(form); });
    all("table[data-usual]").forEach(showColumns);
  };
  listen((changed) => { if (!(changed.size === 1 && changed.has("hi"))) showTables(); });
