// Links out of the frame, prediction requests, and decisions on releases.

// The sandbox of Airflow's frame blocks navigation; a link in the outer page is allowed.
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

const form = document.getElementById("request");
const output = document.getElementById("response");
const image = document.getElementById("image");
const preview = document.getElementById("preview");
const instance = document.getElementById("instance");

const readAsDataUrl = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });

const readInstance = () => {
  if (preview?.src) return { image_bytes: { b64: preview.src.replace(/^.*,/, "") } };
  return JSON.parse(instance.value);
};

const showError = (message) => {
  const paragraph = document.createElement("p");
  paragraph.className = "problem";
  paragraph.textContent = message;
  output.replaceChildren(paragraph);
};

const predict = async () => {
  const response = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ instance: readInstance() }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`Airflow answered ${response.status}: ${text.slice(0, 300)}`);
  output.innerHTML = text; // rendered by our own template, escaped
};

image?.addEventListener("change", async () => {
  const file = image.files[0];
  if (!file) return;
  preview.src = await readAsDataUrl(file);
  preview.hidden = false;
});

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  output.setAttribute("aria-busy", "true");
  try {
    await predict();
  } catch (error) {
    showError(error instanceof SyntaxError ? `The instance is not valid JSON: ${error.message}` : error.message);
  } finally {
    button.disabled = false;
    output.removeAttribute("aria-busy");
  }
});

// Decisions on releases: the button that was pressed says which.
const decision = document.getElementById("decision");

decision?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const output = document.getElementById("decided");
  const { name, value } = event.submitter;
  const body = { action: name, version: name === "rollback" ? value : null, reason: decision.elements.reason.value };
  const response = await fetch(decision.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.ok) {
    output.innerHTML = text; // rendered by our own template, escaped
    decision.elements.reason.value = "";
  } else {
    output.textContent = `Airflow answered ${response.status}: ${text.slice(0, 300)}`;
  }
});
