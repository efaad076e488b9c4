/** Why there is no connection: which step failed, with whom, and what to do. */
export class ConnectError extends Error {
  /** An operator has to change something before it can succeed. */
  readonly isRefusal: boolean;

  constructor(message: string, { cause, isRefusal = false }: { cause?: unknown; isRefusal?: boolean } = {}) {
    super(message, { cause });
    this.isRefusal = isRefusal;
  }
}

/** The words of an error with its code, once. */
export function describeError(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

/** `10.0.0.1:443`, `[2001:db8::1]:443`. */
export function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
