// Light or dark: as the system has it, unless the person chose. Runs before anything is drawn.

{
  const names = ["auto", "light", "dark"];
  const signs = { auto: "◐", light: "☀", dark: "☾" };
  const told = { auto: "as the system has it", light: "light", dark: "dark" };
  const key = "tecla-theme";

  const stored = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // a page without storage: nothing is remembered
    }
  };
  let theme = names.includes(stored()) ? stored() : "auto";

  const apply = () => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (!button) return;
    button.setAttribute("aria-label", `Appearance: ${told[theme]}`);
    button.title = `Appearance: ${told[theme]}`;
    document.getElementById("theme-sign").textContent = signs[theme];
  };

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      theme = names[(names.indexOf(theme) + 1) % names.length];
      try {
        localStorage.setItem(key, theme);
      } catch {
        // it holds until the page is left
      }
      apply();
      document.dispatchEvent(new Event("tecla-theme"));
    });
  });
}
