/**
 * Modules of Node.js that come when something of them is asked for, and not when a module of ours that names them is evaluated: most
 * commands ask for few of them, and each that brings streams or cryptography takes some milliseconds of a start.
 */

type Require = (name: string) => unknown;

const LATE: ReadonlySet<string> = new Set(
  ['child_process', 'crypto', 'dns', 'http', 'https', 'inspector', 'net', 'os', 'tls', 'worker_threads', 'zlib'].map(
    (name) => `node:${name}`,
  ),
);

export function lateRequire(require: Require): Require {
  return (name) => (LATE.has(name) ? late(() => require(name) as object) : require(name));
}

/** What is asked of it is looked up behind it, as it is behind what the bundler makes of `import * as`: an object of the same prototype. */
function late(load: () => object): object {
  let module: object | undefined;
  const loaded = () => {
    module ??= load();
    return module;
  };
  return Object.create(new Proxy({}, { get: (_, name) => Reflect.get(loaded(), name) }));
}
