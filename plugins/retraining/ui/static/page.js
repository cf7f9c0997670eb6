// Links out of the frame, and the question to a model.

// Airflow's frame lets no link leave it; a link of the page around it may.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-top], a[data-new]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (window.parent === window && "top" in link.dataset) return;
  event.preventDefault();
  const page = window.parent.document;
  const outer = page.createElement("a");
  outer.href = link.href;
  outer.target = "new" in link.dataset ? "_blank" : "_self";
  outer.rel = "noopener";
  page.body.append(outer);
  outer.click();
  outer.remove();
});

const form = document.getElementById("question");
const place = document.getElementById("answer");
const picture = document.getElementById("picture");
const preview = document.getElementById("preview");
const row = document.getElementById("row");

const readAsAddress = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });

const instance = () => {
  if (preview?.src) return { image_bytes: { b64: preview.src.replace(/^.*,/, "") } };
  return JSON.parse(row.value);
};

const say = (problem) => {
  const text = document.createElement("p");
  text.className = "problem";
  text.textContent = problem;
  place.replaceChildren(text);
};

const ask = async () => {
  const response = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ instance: instance() }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`Airflow answered ${response.status}: ${text.slice(0, 300)}`);
  place.innerHTML = text; // our own template, escaped
};

picture?.addEventListener("change", async () => {
  const file = picture.files[0];
  if (!file) return;
  preview.src = await readAsAddress(file);
  preview.hidden = false;
});

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  place.setAttribute("aria-busy", "true");
  try {
    await ask();
  } catch (error) {
    say(error instanceof SyntaxError ? `The row is no JSON: ${error.message}` : error.message);
  } finally {
    button.disabled = false;
    place.removeAttribute("aria-busy");
  }
});
