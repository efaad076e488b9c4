/** From a configuration to the parts that an agent is made of. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { type HostInterface, listInterfaces, missingInterface, resolveInterfaces } from '../config/interfaces.ts';
import type { ClsConfiguration, Configuration, FlowLogConfiguration } from '../config/load.ts';
import { FLOW_LOG_DEFAULTS } from '../model/flow-log.ts';
import type { SinkPlan } from '../run-command.ts';
import type { AgentPlan } from '../supervisor.ts';

/** Windows of the embedded defaults: a newcomer should not wait five minutes for the first records. */
const EMBEDDED_WINDOW_SECONDS = 60;
const EMBEDDED_FOLDER = '.flowlogd';

/** @throws OperationalError `capture.no-interface` when a named interface is not there */
export function planConfigured(configuration: Configuration): AgentPlan {
  const known = listInterfaces();
  const find = ({ interfaces: patterns }: FlowLogConfiguration): readonly HostInterface[] => {
    const { interfaces, missing } = resolveInterfaces(patterns, known);
    if (missing[0] !== undefined) throw missingInterface(missing[0], known);
    return interfaces;
  };
  return plan(configuration, configuration.flowLogs, find);
}

/** The default interface, where there is one, and loopback; state in the current folder unless the environment says where. */
export function planEmbedded(configuration: Configuration, isStateGiven: boolean): AgentPlan {
  const { interfaces } = resolveInterfaces(['default', 'lo']);
  const stateDirectory = isStateGiven ? configuration.stateDirectory : resolve(EMBEDDED_FOLDER);
  const flowLogs = configuration.flowLogs.map((flowLog) => ({ ...flowLog, windowSeconds: EMBEDDED_WINDOW_SECONDS }));
  return plan({ ...configuration, stateDirectory }, flowLogs.slice(0, 1), () => interfaces);
}

function plan(
  configuration: Configuration,
  flowLogs: readonly FlowLogConfiguration[],
  find: (flowLog: FlowLogConfiguration) => readonly HostInterface[],
): AgentPlan {
  const { stateDirectory, spool, capture, exclude, table } = configuration;
  const { snapBytes, bufferBytes, promiscuous, filter, engine } = capture;
  return {
    hostId: configuration.hostId ?? machineId() ?? hostname(),
    stateDirectory,
    spoolBytesMax: spool.bytesMax,
    spoolAgeSecondsMax: spool.ageSecondsMax,
    engine,
    exclusion: exclude,
    regions: configuration.regions,
    flowsMax: table.flowsMax,
    taps: flowLogs.flatMap((flowLog) =>
      find(flowLog).map((found) => ({
        point: {
          flowLog: {
            ...FLOW_LOG_DEFAULTS,
            resourceType: flowLog.resourceType,
            id: flowLog.id,
            accountId: flowLog.accountId,
            windowSeconds: flowLog.windowSeconds,
          },
          interfaceId: flowLog.interfaceId ?? found.interfaceId,
          interfaceName: found.name,
        },
        capture: { interfaceName: found.name, snapBytes, bufferBytes, promiscuous, filter },
      })),
    ),
  };
}

/** machine-id(5): stable over reboots, and unique where the image was made well. */
function machineId(): string | undefined {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

export function planSink({ endpoint, requestTimeoutSeconds, ...rest }: ClsConfiguration): SinkPlan {
  return { ...rest, endpoint, requestTimeoutMs: requestTimeoutSeconds * 1000 };
}
