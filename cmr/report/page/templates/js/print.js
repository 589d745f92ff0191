  // On paper is everything: every tab with its plots, every row, and every list of the gallery.
  let folded = [];
  const everything = (open) => {
    if (printing === open) return;
    printing = open;
    if (open) folded = [...all('[role="tabpanel"][hidden]'), ...all("details.list:not([open])")];
    folded.forEach((one) => { if (one.localName === "details") one.open = open; else one.hidden = !open; });
    drawn.clear();
    showTables();
    showPairs();
    drawAll();
  };
  window.addEventListener("beforeprint", () => everything(true));
  window.addEventListener("afterprint", () => everything(false));
