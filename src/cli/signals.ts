/** Ctrl-C and its like, for commands that have something to close first. */

const watched = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type WatchedSignal = (typeof watched)[number];

export class Signals {
  /** The first signal. */
  readonly first: Promise<WatchedSignal>;
  /** Aborted by the first signal, with its name as the reason. */
  readonly abort = new AbortController();
  private readonly onSignal: (signal: NodeJS.Signals) => void;

  /** @param onSecond the user is out of patience: leave at once */
  constructor(onSecond: () => void) {
    let seen = false;
    let resolve!: (signal: WatchedSignal) => void;
    this.first = new Promise((settle) => {
      resolve = settle;
    });
    this.onSignal = (signal) => {
      if (seen) return onSecond();
      seen = true;
      this.abort.abort(signal);
      resolve(signal as WatchedSignal);
    };
    for (const name of watched) process.on(name, this.onSignal);
  }

  close(): void {
    for (const name of watched) process.off(name, this.onSignal);
  }
}

/** Does something that a person may give up: Ctrl-C aborts `signal`; a second one ends the process at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once('SIGINT', stop);
  try {
    return await work(stopped.signal);
  } finally {
    process.removeListener('SIGINT', stop);
  }
}
