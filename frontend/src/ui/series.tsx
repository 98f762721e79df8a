/** Price and volume over time. The library draws on a canvas, so a table of the same stands beside it for readers. */

import type { IChartApi, ISeriesApi, UTCTimestamp } from "lightweight-charts";
import { useEffect, useRef } from "react";

export interface Sample {
  time: number;
  price: number | null;
  volume: number;
}

interface Drawn {
  chart: IChartApi;
  price: ISeriesApi<"Line">;
  volume: ISeriesApi<"Histogram">;
}

const MARKED = 80;

export function Series({ samples, label, height = 280 }: { samples: Sample[]; label: string; height?: number }) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<Promise<Drawn> | null>(null);
  const some = samples.length > 0;
  useEffect(() => {
    if (!some || !box.current) return;
    const made = draw(box.current);
    drawn.current = made;
    const repaint = () => void made.then(paint);
    const system = matchMedia("(prefers-color-scheme: dark)");
    const chosen = new MutationObserver(repaint);
    chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    system.addEventListener("change", repaint);
    return () => {
      chosen.disconnect();
      system.removeEventListener("change", repaint);
      void made.then(({ chart }) => chart.remove());
    };
  }, [some]);
  useEffect(() => void drawn.current?.then((found) => fill(found, samples)), [samples]);
  if (!some) return <p className="empty">Nothing was printed in this time.</p>;
  return (
    <figure className="series">
      <div ref={box} style={{ blockSize: height }} role="img" aria-label={label} />
    </figure>
  );
}

async function draw(box: HTMLDivElement): Promise<Drawn> {
  const { createChart, HistogramSeries, LineSeries, LineType } = await import("lightweight-charts");
  const chart = createChart(box, {
    autoSize: true,
    // The library's mark would be inline style, which the policy forbids: its notice stands on the page.
    layout: { attributionLogo: false, fontFamily: "IBM Plex Mono, monospace", fontSize: 11 },
    timeScale: { timeVisible: true, secondsVisible: false, borderVisible: false },
    rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.3 } },
    handleScale: { mouseWheel: false },
  });
  const volume = chart.addSeries(HistogramSeries, {
    priceScaleId: "volume",
    priceLineVisible: false,
    lastValueVisible: false,
  });
  chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.78, bottom: 0 } });
  const price = chart.addSeries(LineSeries, { lineWidth: 2, lineType: LineType.WithSteps, priceLineVisible: false });
  const found = { chart, price, volume };
  paint(found);
  return found;
}

function paint({ chart, price, volume }: Drawn): void {
  const [ink, grid, accent, soft, panel] = ["--dim", "--line", "--accent", "--soft", "--panel"].map(colour);
  chart.applyOptions({
    layout: { textColor: ink, background: { color: panel } },
    grid: { vertLines: { visible: false }, horzLines: { color: grid } },
  });
  price.applyOptions({ color: accent });
  volume.applyOptions({ color: soft });
}

function fill({ chart, price, volume }: Drawn, samples: Sample[]): void {
  const at = (sample: Sample) => sample.time as UTCTimestamp;
  volume.setData(samples.map((sample) => ({ time: at(sample), value: sample.volume })));
  price.setData(
    samples.flatMap((sample) => (sample.price === null ? [] : [{ time: at(sample), value: sample.price }])),
  );
  price.applyOptions({ pointMarkersVisible: samples.length < MARKED });
  // Without prices the volume has the chart, and its axis, to itself.
  const alone = samples.every((sample) => sample.price === null);
  volume.applyOptions({ priceScaleId: alone ? "right" : "volume", priceFormat: { type: "volume" } });
  chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.08, bottom: alone ? 0 : 0.3 } });
  chart.timeScale().fitContent();
}

/** A theme's colour as the canvas takes it. */
function colour(name: string): string {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
