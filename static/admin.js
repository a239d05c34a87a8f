'use strict';

// What makes the dashboard a little better where scripts run. Nothing here is needed: every page works without it.

/** Times in the viewer's own zone; UTC stays in the title. A day is a day, and an age is the same everywhere. */
function localTimes() {
  /** @type {Intl.DateTimeFormatOptions} */
  const shape = { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' };
  const format = new Intl.DateTimeFormat('en-GB', shape);
  const precise = new Intl.DateTimeFormat('en-GB', { ...shape, second: '2-digit' });
  const times = /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll('time[datetime*="T"]:not(.age)'));
  for (const time of times) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.getTime())) time.textContent = (time.className === 'moment' ? precise : format).format(date);
  }
}

/** A form is sent once: what is done twice here is done by double clicks. */
function sendOnce() {
  document.addEventListener('submit', (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.method === 'post') form.dataset.sent = 'yes';
  });
  // back from the next page: it may be sent again
  window.addEventListener('pageshow', () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
}

/** What went wrong is read out and seen first. */
function focusProblem() {
  document.getElementById('problem')?.focus();
}

localTimes();
sendOnce();
focusProblem();
