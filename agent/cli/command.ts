/** What a sub-command is, and how a command line becomes typed values. */

import type { Readable } from 'node:stream';
import type { Sandbox } from '../model/sandbox.ts';
import type { Stream, TextOutput } from '../terminal/text-output.ts';

export interface OptionSpec {
  /** Without dashes: `window` for `--window`. */
  readonly name: string;
  /** Other names that it goes by, without dashes. */
  readonly aliases?: readonly string[];
  /** One letter: `o` for `-o`. */
  readonly short?: string;
  /** Placeholder of the value in the help (`SECONDS`); without it the option is a flag. */
  readonly value?: string;
  /** As the user would type it. */
  readonly default?: string;
  /** May be given more than once. Otherwise the last one counts, so that wrappers can be overridden. */
  readonly multiple?: boolean;
  /** Options that it cannot be combined with: one of both would have no effect. */
  readonly excludes?: readonly string[];
  /** The option without which it has no effect. */
  readonly requires?: string;
  readonly description: string;
}

export interface PositionalSpec {
  /** As the help names it (`FILE`). */
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

export interface Example {
  /** The whole command line, from `flowlogd` on. */
  readonly line: string;
  readonly says: string;
}

/** A sub-command. Its module stays cheap to load (help and completion load it): `run` imports what is heavy. */
export interface Command {
  readonly name: string;
  /** One line, for the table of commands. */
  readonly summary: string;
  /** What follows `flowlogd NAME`: `FILE... [options]`. */
  readonly usage: string;
  /** Paragraphs for the help. */
  readonly description?: string;
  /** Without it the command takes no positional arguments. */
  readonly positionals?: PositionalSpec;
  /** Takes a program with its arguments behind `--`. */
  readonly takesProgram?: true;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  /** Answers an exit code: one of ours, or that of a program which it ran for the user. */
  run(invocation: Invocation): Promise<number>;
}

/** Commands by name, in the order of the help; each is loaded when it is asked for. */
export type CommandTable = ReadonlyMap<string, () => Promise<Command>>;

export interface Limits {
  readonly min?: number;
  readonly max?: number;
}

/** What a command gets of the process around it. */
export interface ProcessContext {
  readonly stdin: Readable;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Aborted when the command is to shut down gracefully: first SIGINT, SIGTERM or SIGHUP, or stdout has no reader any more. A
   * command that never looks at it is simply ended by the signal.
   */
  readonly signal: AbortSignal;
  /** SIGHUP calls the listener from now on, and ends nothing. */
  onHangUp(listener: () => void): void;
  /** SIGUSR1 and SIGUSR2 call the listener from now on; before, they do nothing. */
  onStatusRequest(listener: () => void): void;
  /**
   * Limits the whole process, for good, to the system calls that a capture takes.
   *
   * @param programs whether it is still to start other programs
   */
  confine(programs: boolean): Promise<Sandbox>;
  /**
   * Limits the whole process, for good, to what it has open, these files to be read, and what its libraries read of the host; a
   * kernel without Landlock limits nothing.
   */
  limitFiles(opened: readonly string[]): Promise<void>;
}

/**
 * One parsed command line. Getters apply the option's own default and throw `usage.invalid`, naming the option, the value
 * and what is accepted. Asking for an option that is not in the command's table is a bug and throws a plain Error.
 */
export interface Invocation extends Omit<ProcessContext, 'stdout' | 'stderr'> {
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly positionals: readonly string[];
  /** The words behind `--` of a command that takes a program; empty without one. */
  readonly program: readonly string[];
  /** Whether the user gave it. */
  has(name: string): boolean;
  /** Undefined without value and default. */
  string(name: string): string | undefined;
  /** The value, which must be there. */
  required(name: string): string;
  /** All values of an option that may be repeated. */
  strings(name: string): readonly string[];
  flag(name: string): boolean;
  /** The getters below demand a value or a default: ask `has` first for an option without. */
  integer(name: string, limits?: Limits): number;
  /** A duration such as `60`, `10s`, `5m`, `1h`, in seconds. */
  seconds(name: string, limits?: Limits): number;
  /** A size such as `4096`, `64MiB`, in bytes. */
  bytes(name: string, limits?: Limits): number;
  choice<const T extends string>(name: string, accepted: readonly T[]): T;
}
