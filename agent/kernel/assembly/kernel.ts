/** What TypeScript calls (kernel.ts beside this folder has the types). Its memory is imported. */
export { readGroup } from './group';
export { keyByIcmp } from './icmp';
export { countIpv4, rehashIpv4 } from './ipv4-table';
export { countIpv6, rehashIpv6 } from './ipv6-table';
export { walkPcap } from './pcap';
