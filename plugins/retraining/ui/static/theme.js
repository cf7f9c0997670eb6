// Follow the theme of the Airflow page around the frame, which is a class of its root; else the system theme.
(() => {
  const around = () => {
    try {
      return window.parent === window ? null : window.parent.document.documentElement;
    } catch {
      return null; // cross-origin
    }
  };
  const root = around();
  if (!root) return;
  const follow = () => {
    const dark = root.classList.contains("dark");
    if (dark || root.classList.contains("light")) {
      document.documentElement.style.colorScheme = dark ? "dark" : "light";
    }
  };
  follow();
  const observer = new MutationObserver(follow);
  observer.observe(root, { attributes: true, attributeFilter: ["class"] });
  window.addEventListener("pagehide", () => observer.disconnect());
})();
