/**
 * Standard output or standard error. A file or a pipe is written to without a stream of Node's, whose making takes a part of each
 * start that a short command notices. Where that is not enough it is made after all: for a terminal or a socket, for a pipe that is
 * full, and where a write fails, which the stream then finds itself and reports as it does.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Done, Stream } from '../terminal/text-output.ts';

/** Of the kernel's numbers of devices: /dev/null. */
const NULL_DEVICE = 0x103;

export class StandardOutput implements Stream {
  readonly #openStream: () => NodeJS.WriteStream;
  /** What is written to directly; undefined once there is a stream. */
  #descriptor: number | undefined;
  #stream: NodeJS.WriteStream | undefined;

  /** @param openStream makes the stream, with its listeners */
  constructor(descriptor: number, openStream: () => NodeJS.WriteStream) {
    this.#openStream = openStream;
    this.#descriptor = directDescriptor(descriptor);
  }

  get isTTY(): boolean {
    return this.#descriptor === undefined && this.#asStream().isTTY === true;
  }

  get columns(): number | undefined {
    return this.#descriptor === undefined ? this.#asStream().columns : undefined;
  }

  get rows(): number | undefined {
    return this.#descriptor === undefined ? this.#asStream().rows : undefined;
  }

  /** What made the stream fail. */
  get errored(): Error | null {
    return this.#stream?.errored ?? null;
  }

  write(data: string | Uint8Array, done?: Done): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const written = this.#writeDirectly(bytes);
    if (written < bytes.length || this.#stream !== undefined) this.#asStream().write(bytes.subarray(written), done);
    else if (done !== undefined) process.nextTick(done);
  }

  on(event: 'resize', listener: () => void): void {
    if (this.#descriptor === undefined) this.#asStream().on(event, listener);
  }

  off(event: 'resize', listener: () => void): void {
    this.#stream?.off(event, listener);
  }

  /** Answers how many of the bytes could be written. */
  #writeDirectly(bytes: Uint8Array): number {
    let at = 0;
    try {
      while (this.#descriptor !== undefined && at < bytes.length) at += writeSync(this.#descriptor, bytes, at);
    } catch {
      this.#descriptor = undefined;
    }
    return at;
  }

  #asStream(): NodeJS.WriteStream {
    this.#descriptor = undefined;
    this.#stream ??= this.#openStream();
    return this.#stream;
  }
}

/** One that never waits, or undefined. */
function directDescriptor(descriptor: number): number | undefined {
  try {
    const status = fstatSync(descriptor);
    if (status.isFile() || status.rdev === NULL_DEVICE) return descriptor;
    // Opened anew, because what others have of the pipe must go on waiting.
    return status.isFIFO()
      ? openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK)
      : undefined;
  } catch {
    return undefined;
  }
}
