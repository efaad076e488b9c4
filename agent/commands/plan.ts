/** From a configuration to the parts that an agent is made of. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { chooseEngine } from '../capture/choose-engine.ts';
import { ringBytesMaxOf } from '../capture/host-memory.ts';
import { isInterfacePattern } from '../config/interface-pattern.ts';
import type { Configuration, Loaded } from '../config/load.ts';
import type { RunPlan } from '../daemon/run.ts';
import { EMBEDDED_SINK } from '../export/cls/kind.ts';
import type { SinkPlan } from '../model/sink-plan.ts';
import { EMBEDDED_STORAGE } from '../model/storage.ts';
import { INCIDENT_FIELDS } from '../record/incident-fields.ts';
import type { DetectionPlan } from '../threads/window-detection.ts';
import { declarationOf, flowLogResolver, type Waiting } from './flow-log-resolver.ts';
import { defaultHostId } from './host-id.ts';

/** The flow log of the embedded defaults: first records soon, with what the analyses ask for and a host knows by itself. */
const EMBEDDED_FLOW_LOG = {
  // What a flow log records cannot change: another one takes the place of the one that an earlier version declared.
  id: 'fl-embedded',
  interfaces: ['default', 'lo'],
  windowSeconds: 10,
  fields: ['eni', ...INCIDENT_FIELDS, 'first', 'last', 'icmp-type', 'icmp-code'],
} as const;

export function planConfigured({ configuration, sinkFiles }: Loaded): RunPlan {
  return { ...plan(configuration, { mayLack: isInterfacePattern }), sinkFiles };
}

/** The default interface, where there is one, and loopback. */
export function planEmbedded(configuration: Configuration): RunPlan {
  const flowLogs = configuration.flowLogs.slice(0, 1).map((flowLog) => ({ ...flowLog, ...EMBEDDED_FLOW_LOG }));
  const sinkFiles = { paths: [], readAgain: () => [] };
  return { ...plan({ ...configuration, flowLogs, sinks: [] }, { mayLack: () => true }), sinkFiles };
}

function plan(configuration: Configuration, waiting: Waiting): Omit<RunPlan, 'sinkFiles'> {
  const { stateDirectory, spool, capture, exclude, table } = configuration;
  return {
    hostId: hostIdOf(configuration),
    stateDirectory,
    spoolBytesMax: spool.bytesMax,
    spoolAgeSecondsMax: spool.ageSecondsMax,
    ...chooseEngine(capture.engine),
    exclusion: exclude,
    regions: configuration.regions,
    privacyKey: configuration.privacy.key,
    detection: detectionOf(configuration),
    findingRecords: configuration.findings.records,
    webhook: configuration.webhook,
    flowsMax: table.flowsMax,
    ringBytesMax: ringBytesMaxOf(capture.memoryMax),
    tableDirectory: table.directory,
    resolver: flowLogResolver(configuration, waiting),
    sinks: configuredSinks(configuration),
    ...desired(configuration),
  };
}

export function hostIdOf({ hostId }: Configuration): string {
  return hostId ?? defaultHostId(machineIdFile(), hostname());
}

/** The flow logs as the configuration wants them, at a start and on SIGHUP. */
export function desired(configuration: Configuration): Pick<RunPlan, 'declarations' | 'storages'> {
  const sinks = configuredSinks(configuration);
  return {
    declarations: configuration.flowLogs.map(declarationOf),
    storages: Object.fromEntries(
      sinks.filter(({ isDraining }) => isDraining !== true).map(({ name, storage }) => [name, storage]),
    ),
  };
}

export function configuredSinks({ sinks }: Configuration): readonly SinkPlan[] {
  return sinks.length === 0 ? [EMBEDDED_SINK] : sinks;
}

/** The embedded log service detects by itself, over all that is stored in it. */
function detectionOf(configuration: Configuration): DetectionPlan | undefined {
  const { enabled, rules } = configuration.findings;
  const isEmbedded = configuredSinks(configuration).some(({ storage }) => storage === EMBEDDED_STORAGE);
  if (!enabled || isEmbedded) return undefined;
  return { catalogue: readCatalogue(), rules: rules.length === 0 ? undefined : rules };
}

function machineIdFile(): string | undefined {
  try {
    return readFileSync('/etc/machine-id', 'utf8');
  } catch {
    return undefined;
  }
}
