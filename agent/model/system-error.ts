/** What the kernel refused, or Node.js on its behalf: an error with a code such as `ENOSPC`. */
export function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

const PASSING_CODES: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** A refusal that a moment or a repair ends, without a word about what is in the file. */
export function isPassing({ code }: { readonly code: string }): boolean {
  return PASSING_CODES.has(code);
}
