/** Exit codes after sysexits(3). */
export const EXIT = {
  ok: 0,
  usage: 64,
  badData: 65,
  noInput: 66,
  unavailable: 69,
  bug: 70,
  cannotCreate: 73,
  ioError: 74,
  permission: 77,
  configuration: 78,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The closed list of operational failures, each with the exit code it ends a command with. */
export const ERROR_CODES = {
  'usage.invalid': EXIT.usage,
  'capture.permission': EXIT.permission,
  'capture.no-interface': EXIT.noInput,
  'capture.filter': EXIT.usage,
  'capture.failed': EXIT.unavailable,
  'capture.gone': EXIT.unavailable,
  'capture.no-room': EXIT.unavailable,
  'capture.engine-missing': EXIT.unavailable,
  'conntrack.permission': EXIT.permission,
  'conntrack.unavailable': EXIT.unavailable,
  'savefile.unreadable': EXIT.noInput,
  'savefile.format': EXIT.badData,
  'savefile.damaged': EXIT.badData,
  'savefile.link-type': EXIT.badData,
  'memory.exhausted': EXIT.unavailable,
  'spool.unusable': EXIT.cannotCreate,
  'spool.damaged': EXIT.badData,
  'spool.newer': EXIT.badData,
  'output.failed': EXIT.ioError,
  'sink.unreachable': EXIT.unavailable,
  'sink.refused': EXIT.unavailable,
  'logservice.unreachable': EXIT.unavailable,
  'logservice.refused': EXIT.badData,
  'analysis.unanswerable': EXIT.badData,
  'config.invalid': EXIT.configuration,
  'config.unreadable': EXIT.noInput,
  'flow-log.refused': EXIT.configuration,
  'registry.unusable': EXIT.cannotCreate,
  'registry.newer': EXIT.configuration,
  'instance.running': EXIT.unavailable,
  'agent.unreachable': EXIT.unavailable,
  'telemetry.unavailable': EXIT.unavailable,
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * An operational failure: something outside the program went wrong. The message is a sentence that says what was being done
 * to what, what went wrong and what to do about it. Programmer errors are never this class: they crash.
 */
export class OperationalError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'OperationalError';
    this.code = code;
  }

  get exitCode(): ExitCode {
    return ERROR_CODES[this.code];
  }
}
