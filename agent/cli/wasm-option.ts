import type { OptionSpec } from './command.ts';

export const NO_WASM_OPTION: OptionSpec = {
  name: 'no-wasm',
  description: 'Meter without WebAssembly: slower, the same records.',
};
