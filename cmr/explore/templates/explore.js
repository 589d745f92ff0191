"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  document.addEventListener("click", (event) => {
    const heading = event.target.closest("th button")?.closest("th");
    if (heading) sortRows(heading, sortsUp(heading));
  });
  const { dataset, header, board, runs, words } = JSON.parse(byId("state").textContent);
  const token = new URLSearchParams(location.search).get("token");
  const headers = { [header]: token };
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  // Everything is made of text nodes, so that no caption is ever read as markup.
  const make = (kind, options = {}, ...inside) => {
    const { data, ...plain } = options, found = Object.assign(document.createElement(kind), plain);
    Object.assign(found.dataset, data);
    found.append(...inside.filter((one) => one !== null && one !== undefined && one !== ""));
    return found;
  };
  const say = (place, text, wrong) => {
    place.textContent = text;
    place.classList.toggle("note", Boolean(wrong));
  };
  const post = async (path, body, type, signal) => {
    let answer;
    try {
      answer = await fetch(path, { method: "POST", body, headers: { ...headers, "content-type": type }, signal });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Error(words.failed);
    }
    const text = await answer.text();
    if (answer.headers.get("content-type")?.startsWith("application/json")) {
      const found = JSON.parse(text);
      if (!answer.ok) throw new Error(found.error);
      return found;
    }
    throw new Error(text.trim() || words.failed);
  };

  // Thumbnails, each fetched once: a header, unlike an address, is seen by nobody else.
  const pictures = new Map();
  const picture = (id) => {
    if (!pictures.has(id)) {
      const asked = new URLSearchParams({ dataset, item: id });
      pictures.set(id, fetch(`/picture?${asked}`, { headers }).then(async (answer) => {
        if (answer.ok) return URL.createObjectURL(await answer.blob());
        throw new Error((await answer.json()).error);
      }));
    }
    return pictures.get(id);
  };
  const shown = (id, text) => {
    const image = make("img", { alt: text || id, title: text || id });
    picture(id).then((url) => { image.src = url; }, (error) => {
      image.replaceWith(make("span", { className: "gone", title: error.message }, id));
    });
    return image;
  };

  // The state of the page is in its address, so that the browser's own back goes back.
  let dropped = null;
  const a = byId("a"), b = byId("b"), count = byId("shown"), text = byId("text"), status = byId("status");
  const read = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const go = (query) => {
    const before = location.hash, found = new URLSearchParams({ ...query, a: a.value, b: b.value, n: count.value });
    if (!query.picture) dropped = null;
    location.hash = found;
    if (location.hash === before) search();
  };
  const query = () => {
    const { text: typed, side, item, picture: file } = read();
    if (file) return { picture: file };
    return item !== undefined ? { side, item } : typed ? { text: typed } : {};
  };
  const choose = (select, value) => {
    if ([...select.options].some((one) => one.value === value)) select.value = value;
  };

  const move = (hit, against) => {
    if (against === null) return null;
    const told = (kind, sign, values) => make("span", { className: kind, title: fill(words[kind], values) },
      make("span", { ariaHidden: "true" }, sign), make("span", { className: "skip" }, fill(words[kind], values)));
    if (hit.other === null) return told("out", `> ${against}`, { count: against });
    const moved = hit.other - hit.rank;
    if (!moved) return told("same", "=", {});
    return told(moved > 0 ? "up" : "down", `${moved > 0 ? "▲" : "▼"} ${Math.abs(moved)}`, { other: hit.other, moved: Math.abs(moved) });
  };
  const item = (hit, against) => {
    const said = make("span", { className: "said" });
    if (hit.relevant) said.append(make("b", {}, `✓ ${words.right} `));
    said.append(hit.text || hit.id, hit.text ? make("small", {}, hit.id) : "");
    const score = Number(hit.score.toPrecision(5));
    const button = make(
      "button", { type: "button", title: words.other_way, className: hit.relevant ? "relevant" : "", data: { id: hit.id, side: hit.side } },
      make("span", { className: "rank" }, String(hit.rank)),
      hit.side === "visual" ? shown(hit.id, hit.text) : make("span"), said,
      make("span", { className: "figures" }, make("span", { title: `${words.score} ${hit.score}` }, String(score)), move(hit, against)),
    );
    button.addEventListener("click", () => go({ side: hit.side, item: hit.id }));
    return make("li", {}, button);
  };
  const side = (place, found, relevant) => {
    const told = [];
    if (!found.fault) {
      told.push(fill(words.encoded, { ms: found.query_ms }), fill(words.took, { ms: found.ms }));
      if (relevant && found.relevant_ranks.length) told.push(fill(words.ranks, { ranks: found.relevant_ranks.join(", ") }));
      else if (relevant) told.push(fill(words.no_ranks, { count: found.listed }));
    }
    const list = make("ol", { className: "hits" }, ...found.hits.map((hit) => item(hit, found.against)));
    place.replaceChildren(make("h3", {}, found.name), make("p", { className: "small quiet" }, told.join(" · ")));
    for (const note of [found.fault, found.note]) if (note) place.append(make("p", { className: "note" }, note));
    place.append(list);
  };
  const show = (found) => {
    const asked = byId("asked"), { query: one } = found;
    const kind = one.stored ? fill(words[one.side], { id: one.id }) : one.side === "visual" ? words.dropped : words.typed;
    let seen = null;
    if (one.stored && one.side === "visual") seen = shown(one.id, one.text);
    else if (one.side === "visual") seen = make("img", { alt: words.dropped, src: URL.createObjectURL(dropped) });
    const told = [kind, words.directions[found.direction]];
    if (one.stored) told.push(fill(words.relevant, { count: found.relevant }));
    asked.replaceChildren(...[seen].filter(Boolean), make("div", {}, make("b", {}, one.text || one.id || ""), make("span", { className: "small quiet" }, told.join(" · "))));
    asked.hidden = false;
    side(byId("side-a"), found.sides[0], found.relevant);
    side(byId("side-b"), found.sides[1], found.relevant);
  };
  let latest = 0;
  const search = async () => {
    const state = read(), mine = ++latest;
    choose(a, state.a); choose(b, state.b); choose(count, state.n);
    const sought = query();
    if (sought.text !== undefined) text.value = sought.text;
    if (!Object.keys(sought).length || (sought.picture && !dropped)) return;
    say(status, words.searching);
    const slow = setTimeout(() => { if (mine === latest) say(status, words.loading); }, 1500);
    try {
      const asked = new URLSearchParams({ dataset, a: a.value, b: b.value, shown: count.value });
      const found = sought.picture
        ? await post(`/search?${asked}`, dropped, "application/octet-stream")
        : await post(`/search?${asked}`, JSON.stringify(sought), "application/json");
      if (mine !== latest) return;
      show(found);
      say(status, "");
    } catch (error) {
      if (mine === latest) say(status, error.message, true);
    } finally {
      clearTimeout(slow);
    }
    document.documentElement.dataset.searched = mine;
  };
  addEventListener("hashchange", search);
  byId("searching").addEventListener("submit", (event) => {
    event.preventDefault();
    if (text.value.trim()) go({ text: text.value.trim() });
  });
  document.querySelectorAll("[data-text]").forEach((button) => button.addEventListener("click", () => go({ text: button.dataset.text })));
  for (const select of [a, b, count]) select.addEventListener("change", () => go(query()));
  byId("swap").addEventListener("click", () => { [a.value, b.value] = [b.value, a.value]; go(query()); });
  // The address after # is the page's state, so places in it are reached by hand.
  document.querySelectorAll("[data-jump], .skip[href]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    const place = document.querySelector(link.getAttribute("href"));
    place.scrollIntoView();
    place.tabIndex = -1;
    place.focus({ preventScroll: true });
  }));

  let files = 0;
  const drop = (file) => {
    if (!file) return;
    files += 1;
    dropped = file;
    text.value = "";
    go({ picture: String(files) });
  };
  byId("file").addEventListener("change", (event) => { drop(event.target.files[0]); event.target.value = ""; });
  for (const kind of ["dragenter", "dragover"]) addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    drop(event.dataTransfer.files[0]);
  });

  // Tables of rows; a run's row has a button for each side of the search.
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "boolean") return value ? words.yes : words.no;
    if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(5)));
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };
  const sides = (key) => [[a, words.left], [b, words.to_right]].map(([select, name]) => {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => { select.value = key; go(query()); byId("search").scrollIntoView(); });
    return button;
  });
  const table = (found, choosing) => {
    const at = choosing ? found.columns.findIndex((one) => one.name === "run_id") : -1;
    const head = make("tr", {}, ...found.columns.map((one) => make("th", { scope: "col", className: one.numeric ? "n" : "" }, make("button", { type: "button" }, one.name))));
    const rows = found.rows.map((row) => make("tr", {}, ...row.map((value, place) => {
      const numeric = found.columns[place].numeric;
      const data = numeric && value !== null ? { v: value } : {};
      const inside = place === at && runs[value] ? [...sides(runs[value]), value.slice(0, 8)] : [cell(value)];
      return make("td", { className: numeric ? "n" : "", data }, ...inside);
    })));
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
  };
  const ask = async (sql, place, told, choosing, signal) => {
    say(told, words.asking);
    try {
      const found = await post("/sql", JSON.stringify({ sql }), "application/json", signal);
      place.replaceChildren(table(found, choosing));
      const counted = fill(words.answered, { rows: found.rows.length, seconds: found.seconds });
      say(told, found.rows.length ? (found.more ? words.more : counted) : words.empty);
    } catch (error) {
      place.replaceChildren();
      say(told, error.name === "AbortError" ? "" : error.message, error.name !== "AbortError");
    }
  };
  let asking = null;
  const stop = byId("stop");
  const run = async () => {
    asking?.abort();
    const mine = asking = new AbortController();
    stop.disabled = false;
    await ask(byId("sql").value, byId("sql-rows"), byId("sql-status"), false, mine.signal);
    if (mine === asking) stop.disabled = true;
  };
  byId("asking").addEventListener("submit", (event) => { event.preventDefault(); run(); });
  byId("sql").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
  });
  stop.addEventListener("click", () => asking?.abort());
  byId("dataset")?.addEventListener("change", (event) => {
    location.href = `/?${new URLSearchParams({ token, dataset: event.target.value })}`;
  });

  ask(board, byId("board-rows"), byId("board-status"), true).then(() => { document.documentElement.dataset.board = "yes"; });
  search();
  document.documentElement.dataset.ready = "yes";
})();
