  // What every other part uses: elements, the data in the page, numbers as text.
  const all = (what, from = document) => [...from.querySelectorAll(what)];
  const byId = (id) => document.getElementById(id);
  const json = (id) => JSON.parse(byId(id).textContent);
  const make = (tag, given = {}, ...inside) => {
    const one = Object.assign(document.createElement(tag), given);
    one.append(...inside.filter((part) => part !== null));
    return one;
  };
  const words = json("words"), page = json("page");
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  // Rows come packed by column; a column of few texts is {of: texts, at: places}.
  const unpack = (packed) => {
    const columns = packed.columns.map((one) => (Array.isArray(one) ? one : one.at.map((at) => one.of[at])));
    return (columns[0] ?? []).map((first, at) =>
      Object.fromEntries(packed.names.map((name, column) => [name, columns[column][at]])));
  };
  const rowsKept = new Map();
  // Rows that the page computed itself, where others than those it came with are shown.
  const rowsShown = new Map();
  const rowsOf = (key) => {
    if (!rowsKept.has(key)) rowsKept.set(key, unpack(json(`rows-${key}`)));
    return rowsKept.get(key);
  };

  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const fixed = (value, digits = 4) => (isNumber(value) ? value.toFixed(digits) : "–");
  const signed = (value, digits = 2) => {
    if (!isNumber(value)) return "–";
    const text = Math.abs(value).toFixed(digits);
    return (Number(text) === 0 ? "" : value < 0 ? "−" : "+") + text;
  };
  const counted = (value) => (isNumber(value) ? value.toLocaleString("en-US") : "–");
  const range = (low, high, text) => (isNumber(low) && isNumber(high) ? ` [${text(low)}, ${text(high)}]` : "");
  const measureName = (measure, k) => say(words.measures[measure], { k });
