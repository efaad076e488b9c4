import { cpus, loadavg, release, totalmem } from 'node:os';

/** One line about the machine, for above every table: figures of two machines are not to be compared. */
export function machineLine(): string {
  const [model] = cpus();
  const load = loadavg()[0]!.toFixed(2);
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const gibibytes = Math.round(totalmem() / 1024 ** 3);
  return `${date} UTC; ${cpus().length} x ${model?.model.trim() ?? 'unknown processor'}, ${gibibytes} GiB, Linux ${release()}, Node ${process.versions.node}; load at start ${load}`;
}
