/**
 * Whether a kernel can tell the segments of UDP frames. Linux learnt it in 6.2 (860b7f27b8f7, `virtio_net_hdr_from_skb`). Those before have no name
 * for such a frame in the header that a packet ring asks for, drop the frame from that ring, and count it as dropped.
 */
const SINCE = { major: 6, minor: 2 };

/** A sentence for who counts what is on the wire; undefined where the kernel is new enough. @param release as in uname(2) */
export function udpSegmentsWarning(release: string): string | undefined {
  const [, major = '', minor = ''] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const isNewEnough = Number(major) > SINCE.major || (Number(major) === SINCE.major && Number(minor) >= SINCE.minor);
  return isNewEnough
    ? undefined
    : `kernel ${release} may drop UDP frames under segmentation offload (QUIC, WireGuard) from a capture that counts what is on the wire, ` +
        'and count them as dropped: Linux tells their segments since 6.2. Use count: host where UDP matters, or a newer kernel';
}
