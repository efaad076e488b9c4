/** What the kernel refused, or Node.js on its behalf: an error with a code such as `ENOSPC`. */
export function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
