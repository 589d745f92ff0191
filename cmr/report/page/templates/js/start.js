  // Thumbnails come once each, however often they are shown.
  const pictures = json("pictures");
  all("img[data-picture]").forEach((image) => { image.src = pictures[image.dataset.picture]; });
  all("details").forEach((box) => box.addEventListener("toggle", markScrolls));

  // Light, dark, or as the system says.
  const theme = byId("theme");
  theme.addEventListener("change", () => {
    if (theme.value) document.documentElement.dataset.theme = theme.value;
    else delete document.documentElement.dataset.theme;
  });

  showAsked();
  showScores();
  showTables();
  openPairs().then(() => {
    if (tabs.length) return showTabOf(place && byId(place));
    showPairs();
    return drawAll();
  }).then(() => {
    if (place) arrive();
    document.documentElement.dataset.ready = "yes";
  });
