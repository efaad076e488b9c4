/** What the kernel needs of WebAssembly, which Node's types leave to those of browsers. */
export interface LinearMemory {
  readonly buffer: ArrayBuffer;
  /** By pages of 64 KiB; `buffer` is another one then. @throws RangeError where there is no room */
  grow(pages: number): number;
}

interface WebAssemblyApi {
  readonly Memory: new (descriptor: { readonly initial: number; readonly maximum: number }) => LinearMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** Undefined where Node runs without (`--jitless`). */
export const webAssembly = (globalThis as { readonly WebAssembly?: WebAssemblyApi }).WebAssembly;
