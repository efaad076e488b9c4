/**
 * Where things lie in the spool's folder. One batch is one file, with one name in the folder of each sink that owes it: the sink's
 * acknowledgement unlinks its own name, and the file goes with the last one.
 *
 *     FOLDER/spool.lock                                     held by the process that uses the spool (spool-lock.ts)
 *     FOLDER/sinks/SINK/000000000042-001700000060.flows     a batch pending for SINK (spool-name.ts, spool-file.ts)
 *     FOLDER/sinks/SINK/000000000043-001700000061.flows.tmp a batch on its way in, for SINK and others (spool-writer.ts)
 *     FOLDER/sinks/SINK/000000000042.lost                   what was evicted, on its way to SINK's reader (loss-reports.ts)
 *     FOLDER/sinks/SINK/quarantine/...                      what SINK can never deliver (quarantine.ts)
 */
const SINKS = 'sinks';
const QUARANTINE = 'quarantine';
const SINK_NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;

export function sinksFolder(folder: string): string {
  return `${folder}/${SINKS}`;
}

/** @throws RangeError for what is no name of a folder */
export function sinkFolder(folder: string, sink: string): string {
  if (!isSinkName(sink)) throw new RangeError(`'${sink}' is no name of a sink`);
  return `${sinksFolder(folder)}/${sink}`;
}

/** Of a sink; in the spool's own folder, that of an earlier version. */
export function quarantineFolder(folder: string): string {
  return `${folder}/${QUARANTINE}`;
}

export function isSinkName(name: string): boolean {
  return SINK_NAME.test(name);
}
