/** Demand and supply of an opened epoch over price, and where they cleared. */

import { type RefObject, useEffect, useRef, useState } from "react";

import type { AuditView } from "../crypto/auditor";
import type { Step } from "../crypto/clearing";
import { type Pair, price, quantity } from "../format";

const [HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [280, 76, 34, 14, 16];

export function ClearingCurve({ view, pair, reference }: { view: AuditView; pair: Pair; reference: bigint }) {
  const box = useRef<HTMLElement>(null);
  const width = useWidth(box);
  const { curve, clearing } = view;
  if (!curve.length) return <p className="empty">No valid order: there is no curve.</p>;
  const marks = [...curve.map((step) => step.price), reference];
  const [least, most] = [marks.reduce((a, b) => (a < b ? a : b)), marks.reduce((a, b) => (a > b ? a : b))];
  const margin = (most - least) / 10n + 1n;
  const [from, to] = [least > margin ? least - margin : 0n, most + margin];
  const top = curve.reduce((max, step) => [max, step.demand, step.supply].reduce((a, b) => (a > b ? a : b)), 1n);
  // Pixels: thousandths are exact enough for a picture, and keep BigInt out of the float until the end.
  const x = (at: bigint) => LEFT + (Number(((at - from) * 1000n) / (to - from)) / 1000) * (width - LEFT - RIGHT);
  const y = (lots: bigint) => HEIGHT - BOTTOM - (Number((lots * 1000n) / top) / 1000) * (HEIGHT - BOTTOM - TOP);

  const at = view.price || clearing.price;
  return (
    <figure className="chart" ref={box}>
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        aria-label={`Demand and supply over price; ${view.volume} lots cleared`}
      >
        {[0n, top / 2n, top].map((lots, i) => (
          <g key={i}>
            <line className="grid" x1={LEFT} x2={width - RIGHT} y1={y(lots)} y2={y(lots)} />
            <text x={LEFT - 8} y={y(lots) + 4} textAnchor="end">
              {quantity(lots, pair)}
            </text>
          </g>
        ))}
        {[least, most].map((mark, i) => (
          <text key={i} x={x(mark)} y={HEIGHT - 10} textAnchor={i ? "end" : "start"}>
            {price(mark, pair)}
          </text>
        ))}
        <line className="reference" x1={x(reference)} x2={x(reference)} y1={TOP} y2={HEIGHT - BOTTOM} />
        {at > 0n && <line className="cleared" x1={x(at)} x2={x(at)} y1={TOP} y2={HEIGHT - BOTTOM} />}
        <path className="demand" d={falling(curve, from, to, x, y)} />
        <path className="supply" d={rising(curve, from, to, x, y)} />
        {at > 0n && <circle className="cross" cx={x(at)} cy={y(view.volume)} r="4.5" />}
      </svg>
      <figcaption>
        <span className="key demand">Demand</span>
        <span className="key supply">Supply</span>
        <span className="key reference">Reference {price(reference, pair)}</span>
        {at > 0n && (
          <span className="key cleared">
            Cleared {quantity(view.volume, pair)} at {price(at, pair)}
          </span>
        )}
      </figcaption>
    </figure>
  );
}

/** The room inside a padded figure, in pixels: text keeps its size on any screen. */
function useWidth(box: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(640);
  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(240, Math.floor(entry!.contentRect.width))));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [box]);
  return width;
}

type Scale = (value: bigint) => number;

/** Demand holds up to and at each limit, then falls. */
function falling(curve: Step[], from: bigint, to: bigint, x: Scale, y: Scale): string {
  let path = `M${x(from)} ${y(curve[0]!.demand)}`;
  curve.forEach((step, i) => (path += `H${x(step.price)}V${y(curve[i + 1]?.demand ?? 0n)}`));
  return `${path}H${x(to)}`;
}

/** Supply rises at each limit. */
function rising(curve: Step[], from: bigint, to: bigint, x: Scale, y: Scale): string {
  let path = `M${x(from)} ${y(0n)}`;
  for (const step of curve) path += `H${x(step.price)}V${y(step.supply)}`;
  return `${path}H${x(to)}`;
}
