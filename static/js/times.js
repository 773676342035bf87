// Lets every <time data-when> go on counting ("3 days ago") and puts the full local time behind it.

// unit, its seconds, and from how many of them on it is used; look.py counts the same way
const UNITS = [["year", 31557600, 2], ["month", 2629800, 2], ["week", 604800, 2], ["day", 86400, 1], ["hour", 3600, 1], ["minute", 60, 1]];

const distance = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function words(time) {
  const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
  const unit = UNITS.find(([, length, least]) => Math.floor(Math.abs(seconds) / length) >= least);
  return unit ? distance.format(Math.trunc(seconds / unit[1]), unit[0]) : "just now";
}

function tell() {
  for (const time of document.querySelectorAll("time[data-when]")) {
    const said = words(time);
    if (time.textContent !== said) time.textContent = said;
    time.title = moment.format(new Date(time.dateTime));
  }
}

tell();
setInterval(tell, 30_000);
document.addEventListener("results", tell);
