/** Flow logs between the words of the configuration and what they stand for on this host. */
import { isDeepStrictEqual } from 'node:util';
import { PSEUDONYMS_REQUIRE } from '../config/consistency.ts';
import { rowOf } from '../config/flow-log-row.ts';
import { isInterfacePattern, matchesInterface } from '../config/interface-pattern.ts';
import {
  type HostInterface,
  interfaceNames,
  listInterfaces,
  missingInterface,
  resolveInterfaces,
} from '../config/interfaces.ts';
import { type Configuration, type FlowLogConfiguration, loadFlowLog } from '../config/load.ts';
import {
  called,
  type Declaration,
  type Definition,
  type FlowLogEntry,
  type Json,
} from '../flow-logs/flow-log-entry.ts';
import type { FlowLogResolver } from '../flow-logs/reconciler.ts';
import { readRegistry } from '../flow-logs/registry-file.ts';
import { asksSegments, type FlowLog } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import { nodeDisk } from '../spool/disk.ts';

/** Which patterns may stand for nothing when their flow log is made. */
export interface Waiting {
  readonly mayLack: (pattern: string) => boolean;
}

export function declarationOf(flowLog: FlowLogConfiguration): Declaration {
  const { id, name, description, tags, enabled, ...defining } = flowLog;
  return {
    id,
    attributes: { name, description, tags: Object.fromEntries(tags), enabled },
    definition: definitionOf(defining),
  };
}

export function flowLogResolver(
  { capture, constants, privacy }: Pick<Configuration, 'capture' | 'constants' | 'privacy'>,
  { mayLack }: Waiting,
): FlowLogResolver {
  const { snapBytes, bufferBytes, promiscuous, filter } = capture;
  const tapOf = (configured: FlowLogConfiguration, flowLog: FlowLog, found: HostInterface) => ({
    interfaceName: found.name,
    tap: {
      point: {
        flowLog,
        interfaceId: configured.interfaceId ?? found.interfaceId,
        interfaceName: found.name,
      },
      capture: {
        interfaceName: found.name,
        snapBytes,
        bufferBytes,
        promiscuous,
        filter,
        tellsSegments: asksSegments(flowLog),
      },
      rejectGroup: configured.rejects?.nflog,
    },
  });
  return {
    read: (options) => declarationOf(keyed(loadFlowLog(options), privacy)),
    resolve(entries) {
      const known = listInterfaces();
      return entries.map((entry) => {
        const configured = keyed(configurationOf(entry), privacy);
        const { interfaces, missing } = resolveInterfaces(configured.interfaces, known);
        const flowLog = flowLogOf(configured, constants);
        const found = interfaces.map((each) => tapOf(configured, flowLog, each));
        return { entry, flowLog, patterns: configured.interfaces, found, missing };
      });
    },
    names: () => interfaceNames(),
    covers: (pattern, name) => (isInterfacePattern(pattern) ? matchesInterface(pattern, name) : pattern === name),
    explainMissing: (pattern) => (mayLack(pattern) ? undefined : missingInterface(pattern, listInterfaces())),
  };
}

/** @throws OperationalError `config.invalid` where it demands pseudonyms and there is no key */
function keyed(flowLog: FlowLogConfiguration, { key }: Configuration['privacy']): FlowLogConfiguration {
  if (flowLog.addresses === 'plain' || key !== undefined) return flowLog;
  throw new OperationalError(
    'config.invalid',
    `Invalid flow log ${flowLog.id} (${flowLog.name}): ${PSEUDONYMS_REQUIRE}.`,
  );
}

/** The flow log as its records name it. */
function flowLogOf(flowLog: FlowLogConfiguration, constants: Configuration['constants']): FlowLog {
  return {
    id: flowLog.id,
    accountId: flowLog.accountId,
    windowSeconds: flowLog.windowSeconds,
    resourceType: flowLog.resourceType,
    trafficType: flowLog.trafficType,
    ...(flowLog.sinks.length === 0 ? {} : { sinks: flowLog.sinks }),
    ...(flowLog.count === 'host' ? {} : { count: flowLog.count }),
    ...(flowLog.addresses === 'plain' ? {} : { addresses: flowLog.addresses }),
    ...rowOf(flowLog, constants),
  };
}

/** An entry never changes, and is looked at every two seconds. */
const configurations = new WeakMap<FlowLogEntry, FlowLogConfiguration>();

/** @throws OperationalError `config.invalid` for one that another version of flowlogd made */
function configurationOf(entry: FlowLogEntry): FlowLogConfiguration {
  const known = configurations.get(entry) ?? readConfiguration(entry);
  configurations.set(entry, known);
  return known;
}

function readConfiguration(entry: FlowLogEntry): FlowLogConfiguration {
  try {
    return loadFlowLog({ id: entry.id, ...entry.definition });
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    throw new OperationalError(
      error.code,
      `Reading the stored flow log ${called(entry)} failed: ${error.message}`,
      error,
    );
  }
}

/** Those of the runs before, as far as they can be read: the start says what is wrong with them. */
export function storedFlowLogs(stateDirectory: string): readonly FlowLogConfiguration[] {
  try {
    const read = readRegistry(nodeDisk, stateDirectory);
    return read.kind === 'entries' ? read.entries.map(configurationOf) : [];
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return [];
  }
}

/** What no definition leaves out: the defaults of other options hang on the type. */
const ALWAYS_SAID = { interfaces: undefined, resourceType: 'NETWORKINTERFACE' };

/**
 * What has the default of its resource type is left out, so that an option that a later version adds changes nothing; the
 * interfaces never are.
 */
function definitionOf(
  options: Omit<FlowLogConfiguration, 'id' | 'name' | 'description' | 'tags' | 'enabled'>,
): Definition {
  const { resourceType } = options;
  const defaults: Readonly<Record<string, unknown>> = { ...loadFlowLog({ resourceType }), ...ALWAYS_SAID };
  const own = Object.entries(options).filter(([name, value]) => !isDeepStrictEqual(value, defaults[name]));
  return Object.fromEntries(own.map(([name, value]) => [name, JSON.parse(JSON.stringify(value)) as Json]));
}
