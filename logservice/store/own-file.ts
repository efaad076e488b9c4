import { statSync } from 'node:fs';

const LOOK_MS = 500;

/**
 * Calls once when a file was deleted or replaced that is open: what is written into it from then on is nowhere.
 *
 * @returns how to end that
 */
export function whenGone(path: string, onGone: () => void): () => void {
  const identity = (): string | undefined => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && `${found.dev} ${found.ino}`;
  };
  const own = identity();
  const timer = setInterval(() => {
    if (identity() === own) return;
    clearInterval(timer);
    onGone();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
