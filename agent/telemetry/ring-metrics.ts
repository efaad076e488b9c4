/** Metrics of the packet rings. */
import { gauge, type Metric, numbersOf, one } from './metric.ts';

const of = numbersOf(({ rings }) => rings);

export const RING_METRICS: readonly Metric[] = [
  gauge(
    'flowlogd_ring_bytes',
    'bytes',
    'Memory of all packet rings, which is the kernel’s: in no figure of the process and in no cgroup.',
    of(({ bytes }) => bytes),
  ),
  gauge(
    'flowlogd_ring_limit_bytes',
    'bytes',
    'Bound of these: capture.memoryMax.',
    of(({ bytesMax }) => bytesMax),
  ),
  gauge(
    'flowlogd_ring_refused_interfaces',
    'interfaces',
    'Interfaces that are not captured because memory or file descriptors ran out; they are tried again.',
    of(({ refused }) => refused),
  ),
  gauge(
    'flowlogd_interface_ring_bytes',
    'bytes',
    'Packet ring of the interface.',
    ({ interfaces }) => interfaces.map(({ interface: name, ringBytes }) => one(ringBytes, name)),
    ['interface'],
  ),
];
