  // SQL to copy, and the rows behind a plot as a table.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.setAttribute("aria-hidden", "true");
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };
  all("button.copy").forEach((button) => {
    const before = button.textContent;
    button.addEventListener("click", async () => {
      const done = await copy(button.parentElement.querySelector("code").textContent);
      button.textContent = done ? words.copied : words.select;
      setTimeout(() => { button.textContent = before; }, 1600);
    });
  });
  const written = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "boolean") return value ? words.yes : words.no;
    if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
    return Array.isArray(value) ? value.join(", ") : String(value);
  };
  // The numbers are those of what is shown: of a chosen measure, K, protocol and C.
  const chosenRows = (rows) => {
    const mine = rows.length && "measure" in rows[0] && "k" in rows[0] ? rows.filter(ofMeasure) : rows;
    const protocol = mine.length && "protocol" in mine[0] ? chosenProtocol(mine) : null;
    return protocol ? mine.filter((row) => row.protocol === protocol) : mine;
  };
  const list = (box) => {
    const rows = rowsShown.get(box.dataset.key) ?? chosenRows(rowsOf(box.dataset.key)), table = make("table"), names = rows.length ? Object.keys(rows[0]) : [];
    const line = (into, cells, kind) => {
      const row = into.insertRow();
      cells.forEach((value) => row.append(make(kind, { textContent: written(value), className: typeof value === "number" ? "n" : "" })));
    };
    line(table.createTHead(), names, "th");
    const body = table.createTBody();
    rows.forEach((row) => line(body, names.map((name) => row[name]), "td"));
    box.querySelector(".scroll").replaceChildren(table);
    markScrolls();
  };
  all("details.numbers").forEach((box) => box.addEventListener("toggle", () => { if (box.open) list(box); }));
  listen(() => all("details.numbers[open]").forEach(list));
