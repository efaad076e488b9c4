/**
 * Sees that what a running agent has in its state directory is still there: directories and files that somebody deletes or
 * replaces are made again, from what the agent has in memory. What cannot be made is tried again, and why is told.
 *
 * It looks once a second, at a handful of paths: an inotify watch dies with what it watches, and has to be remade just so.
 */
import { statSync } from 'node:fs';
import { type Beat, startBeat } from '../model/beat.ts';
import { OperationalError } from '../model/operational-error.ts';
import { isSystemError } from '../model/system-error.ts';
import { nodeDisk } from '../spool/disk.ts';
import { refuseForeignState } from './state-folder.ts';

const LOOK_SECONDS = 1;

export interface StatePart {
  /** For people. */
  readonly name: string;
  /** Whether it is there as this agent made it. */
  isInPlace(): boolean;
  /** @throws OperationalError, or what the file system throws */
  remake(): void | Promise<void>;
}

export interface StateWatchEvents {
  readonly onRemade: (names: readonly string[]) => void;
  /** Once for each change: what cannot be made again and why, or undefined when everything is there. */
  readonly onState: (failure: string | undefined) => void;
  /** The parts were looked at, and are made again where they can be. */
  readonly onLooked: () => void;
}

export class StateWatch {
  readonly #events: StateWatchEvents;
  #parts: readonly StatePart[];
  readonly #beat: Beat;
  #looking: Promise<void> | undefined;
  #failure: string | undefined;

  /** @param parts those that hold others first */
  constructor(parts: readonly StatePart[], events: StateWatchEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#beat = startBeat(LOOK_SECONDS, () => void this.look());
  }

  add(part: StatePart): void {
    this.#parts = [...this.#parts, part];
  }

  /** What is no longer to be made again. */
  drop(part: StatePart): void {
    this.#parts = this.#parts.filter((each) => each !== part);
  }

  /** Answers when everything is in place, or cannot be. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async stop(): Promise<void> {
    this.#beat.stop();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const remade: string[] = [];
    let failure: string | undefined;
    for (const part of this.#parts) {
      try {
        if (part.isInPlace()) continue;
        await part.remake();
        remade.push(part.name);
      } catch (error) {
        if (!(error instanceof OperationalError) && !isSystemError(error)) throw error;
        failure ??= `${part.name}: ${error.message}`;
      }
    }
    if (remade.length > 0) this.#events.onRemade(remade);
    if (failure !== this.#failure) this.#events.onState(failure);
    this.#failure = failure;
    this.#events.onLooked();
  }
}

/** A folder that is made again, with those above it. Under a shared one it may be another user's by then. */
export function watchedFolder(name: string, path: string): StatePart {
  let known = identityOf(path);
  return {
    name,
    isInPlace: () => known !== undefined && identityOf(path) === known,
    remake() {
      refuseForeignState(path);
      nodeDisk.makeFolder(path);
      known = identityOf(path);
    },
  };
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() ? `${found.dev} ${found.ino}` : undefined;
}
