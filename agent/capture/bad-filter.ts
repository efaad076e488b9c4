import { OperationalError } from '../model/operational-error.ts';

/** What libpcap says of an expression, for the interface or file `name`. */
export function badFilter(name: string, filter: string, cause: unknown): OperationalError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new OperationalError(
    'capture.filter',
    `The filter "${filter}" for ${name} is not a pcap-filter(7) expression for its link type: ${text}.`,
    cause,
  );
}
