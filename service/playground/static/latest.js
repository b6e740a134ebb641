/**
 * Return a function that runs an asynchronous task, one run at a time.
 *
 * Of the calls that arrive meanwhile, only the last one is run.
 */
export function latest(task) {
  let isRunning = false;
  let waiting = null;
  return async function run(...values) {
    if (isRunning) {
      waiting = values;
      return;
    }
    isRunning = true;
    try {
      await task(...values);
    } finally {
      isRunning = false;
      if (waiting) {
        const next = waiting;
        waiting = null;
        run(...next);
      }
    }
  };
}
