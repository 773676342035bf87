// Search as you type: fetches the same address with the new words and takes each [data-results] from the answer.

const PAUSE_MS = 150;
const form = document.querySelector("form[data-search]");
let timer;
let running;

function address() {
  const words = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  return `${form.getAttribute("action")}?${words}`.replace(/\?$/, "");
}

function replace(page) {
  for (const old of document.querySelectorAll("[data-results]")) {
    const fresh = page.querySelector(`[data-results="${old.dataset.results}"]`);
    if (fresh) old.replaceWith(fresh);
  }
  document.querySelector("[data-announce]").textContent = document.querySelector("[data-found]")?.dataset.found ?? "";
  document.dispatchEvent(new CustomEvent("results"));
}

async function search() {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const wanted = address();
  document.querySelector("[data-results=list]").setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(wanted, { signal, headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return location.assign(wanted);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (signal.aborted) return;
    replace(page);
    history.replaceState(null, "", wanted);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(wanted);
  }
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE_MS);
});
