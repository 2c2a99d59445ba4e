// Runs before anything is painted: the reader's choice of light or dark, where there is one.
(function () {
  let choice = null;
  try {
    choice = localStorage.getItem("fraudstream-theme");
  } catch {
    // Storage is closed to us: the system's choice holds.
  }
  if (choice === "light" || choice === "dark") {
    document.documentElement.dataset.theme = choice;
  }
})();

// Plotly would fetch its own outlines from elsewhere although ours are drawn: it is told that it
// has them already.
window.PlotlyGeoAssets = { topojson: { world_110m: {} } };
