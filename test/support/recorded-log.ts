/** A log whose lines a test lists: `warn: message {"fact":1}`. */
import type { Facts, Log, LogLevel } from '../../agent/telemetry/log.ts';

export interface RecordedLog extends Log {
  readonly lines: string[];
}

export function recordedLog(): RecordedLog {
  const lines: string[] = [];
  const at =
    (level: LogLevel) =>
    (message: string, facts: Facts = {}): void => {
      lines.push(`${level}: ${message}${Object.keys(facts).length === 0 ? '' : ` ${JSON.stringify(facts)}`}`);
    };
  return { lines, error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}
