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

const LOADING_MS = 300; // what is faster needs no word

/** @type {ReturnType<typeof setTimeout> | undefined} */
let loadingTimer;

/** Says that the next page is on its way, or no longer. @param {boolean} on */
function showLoading(on) {
  const words = document.getElementById('loading');
  clearTimeout(loadingTimer);
  if (on) {
    loadingTimer = setTimeout(() => {
      document.getElementById('main')?.setAttribute('aria-busy', 'true');
      if (words) words.textContent = 'Loading…';
    }, LOADING_MS);
    return;
  }
  document.getElementById('main')?.removeAttribute('aria-busy');
  if (words) words.textContent = '';
}

/** A link that leads to another page here; not one to a file, a new tab, or a place on this page. @param {MouseEvent} event */
function leadsOn(event) {
  const link = /** @type {Element} */ (event.target).closest('a[href]');
  if (!(link instanceof HTMLAnchorElement) || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return false;
  const samePage = link.pathname === location.pathname && link.search === location.search;
  return link.origin === location.origin && !link.dataset.file && !link.download && !(link.hash && samePage);
}

/** A form is sent once: what is done twice here is done by double clicks. One that answers with a file leaves its page as it is. */
function sendOnce() {
  document.addEventListener('submit', (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.dataset.file) return;
    if (form.method === 'post') form.dataset.sent = 'yes';
    showLoading(true);
  });
  document.addEventListener('click', (event) => {
    if (leadsOn(event)) showLoading(true);
  });
  // back from the next page: it may be sent again
  window.addEventListener('pageshow', () => {
    for (const form of document.forms) delete form.dataset.sent;
    showLoading(false);
  });
}

/** Escape closes what was unfolded, and the focus is where it was before. */
function closeByEscape() {
  document.addEventListener('keydown', (event) => {
    const open = event.key === 'Escape' && /** @type {Element} */ (event.target).closest('details[open]');
    if (!(open instanceof HTMLDetailsElement)) return;
    open.open = false;
    open.querySelector('summary')?.focus();
  });
}

/** What went wrong is read out and seen first. */
function focusProblem() {
  document.getElementById('problem')?.focus();
}

localTimes();
sendOnce();
closeByEscape();
focusProblem();
