/**
 * The signals of the process.
 *
 *     SIGINT SIGTERM SIGHUP   a graceful end of a command that looks at `ending`, else the end at once
 *     SIGHUP                  of a service: what its `onHangUp` does, the configuration reloaded
 *     SIGUSR1 SIGUSR2         of an agent: what its `onStatusRequest` does, one line in its log; else nothing
 *     SIGPIPE                 ignored by Node: the write fails, and main.ts ends the command
 *     SIGQUIT                 the end at once, with a core dump where the limits allow one
 *
 * Node puts SIGHUP back to its default, so `nohup` alone protects nothing. And it takes SIGUSR1 without a listener as the wish
 * for its inspector, which runs any code that any user of the host sends to port 9229. What lies before the first listener, the
 * start of Node itself, cannot be kept from that (`--disable-sigusr1` came with Node 22.14); an inspector that was opened then is
 * closed again.
 */
import { closeSync } from 'node:fs';
import inspector from 'node:inspector';

/** One key press can arrive twice: from the terminal, and passed on by npm. Later ones demand the end at once. */
const SAME_PRESS_MS = 1000;
/** The inspector opens on a thread of its own, a moment after its signal. */
const INSPECTOR_MS = 1000;
/** Signals that end a command, each with the exit code of an end at once. */
const ENDING_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export class ProcessSignals {
  readonly #ending = new AbortController();
  #isTaken = false;
  #isHungUp = false;
  #askedAt: number | undefined;
  #hangUp: (() => void) | undefined;
  #requestStatus: () => void = () => undefined;

  constructor() {
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => this.#requestStatus());
    closeStrayInspector();
    setTimeout(closeStrayInspector, INSPECTOR_MS).unref();
  }

  /** Whether a command looks at `ending`. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** Aborted by the first signal to end; from the first look on the process does not end by itself. */
  get ending(): AbortSignal {
    if (!this.#isTaken) {
      this.#isTaken = true;
      for (const [signal, exitCode] of Object.entries(ENDING_SIGNALS)) {
        process.on(signal, () => this.#received(signal, exitCode));
      }
    }
    return this.#ending.signal;
  }

  end(): void {
    this.#ending.abort();
  }

  /** SIGHUP no longer ends the command. */
  onHangUp(listener: () => void): void {
    void this.ending;
    this.#hangUp = listener;
  }

  onStatusRequest(listener: () => void): void {
    this.#requestStatus = listener;
  }

  /** Ends the process at once. Node crashes where it has to give a terminal back that was closed, so it gets to see none. */
  exit(code: number): never {
    if (this.#isHungUp) for (const descriptor of [0, 1, 2]) closeQuietly(descriptor);
    process.exit(code);
  }

  /** The terminal is gone, whether or not SIGHUP said so. */
  hungUp(): void {
    this.#isHungUp = true;
  }

  #received(signal: string, exitCode: number): void {
    if (signal === 'SIGHUP') this.hungUp();
    if (signal === 'SIGHUP' && this.#hangUp !== undefined) {
      this.#hangUp();
      return;
    }
    const now = performance.now();
    if (this.#askedAt !== undefined && now - this.#askedAt > SAME_PRESS_MS) this.exit(exitCode);
    this.#askedAt ??= now;
    this.end();
  }
}

function closeStrayInspector(): void {
  const isWanted = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((word) => word.includes('--inspect'));
  // Node's name for what `inspector.close` is; the module of that would bring workers and streams into each start.
  const { _debugEnd: close = inspector.close } = process as { readonly _debugEnd?: () => void };
  if (!isWanted) close();
}

function closeQuietly(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch {
    // It was closed already.
  }
}
