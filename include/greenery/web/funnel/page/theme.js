// Follows the theme of Airflow, which it keeps in the browser's storage as `light`, `dark` or `system`. Airflow's page
// and this one share the storage, so a change there arrives here at once.
(function () {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  function follow() {
    const chosen = window.localStorage.getItem("theme");
    const dark = chosen === "dark" || (chosen !== "light" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }
  follow();
  window.addEventListener("storage", follow);
  system.addEventListener("change", follow);
})();
