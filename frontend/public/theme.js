// Before the first paint, so that a chosen theme does not flash: without a choice the system's holds.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // This browser lets the page keep nothing.
}
