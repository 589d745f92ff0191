  // Thumbnails come once each, however often they are shown.
  const pictures = json("pictures");
  all("img[data-picture]").forEach((image) => { image.src = pictures[image.dataset.picture]; });
  all("details").forEach((box) => box.addEventListener("toggle", markScrolls));

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
