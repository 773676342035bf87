// A button with data-copy copies the code beside it. It shows only where the browser lets a script write to the clipboard.

const SAID_MS = 2000;

async function copy(button) {
  const said = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(button.closest("[data-code]").querySelector("code").textContent);
    said.textContent = "Copied";
  } catch {
    said.textContent = "Not copied";
  }
  setTimeout(() => { said.textContent = "Copy"; }, SAID_MS);
}

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button));
    button.hidden = false;
  }
}
