/** What is left to the agent's process, for good: to a program that takes over one of its threads, too. */

/** The filter of system calls. */
export interface SystemCallsLimit {
  readonly limited: boolean;
  /** Whether other programs may be started, which the embedded log service takes. */
  readonly programs: boolean;
  /** Why they are not limited. */
  readonly reason: string | null;
}

/** Landlock. */
export interface FilesLimit {
  readonly limited: boolean;
  /** Its version in this kernel; 0: none. */
  readonly landlock: number;
  /** Why they are not limited, a clause, or null. */
  readonly reason: string | null;
}

export interface SandboxUser {
  readonly uid: number;
  /** Null for one that has no name. */
  readonly name: string | null;
  /** Why it is root though the configuration does not ask for it, a clause, or null. */
  readonly reason: string | null;
  /** Files that this start handed over from root to the user. */
  readonly handedOver: number;
}

export interface Sandbox {
  readonly user: SandboxUser;
  /** The names of linux/capability.h. */
  readonly capabilities: readonly string[];
  readonly files: FilesLimit;
  readonly systemCalls: SystemCallsLimit;
}
