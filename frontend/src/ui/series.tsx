/** Price and volume over time. The library draws on a canvas, so a table of the same stands beside it for readers. */

import { useEffect, useRef } from "react";

export interface Sample {
  time: number;
  price: number | null;
  volume: number;
}

/** A theme's colour as the canvas takes it. */
function colour(name: string): string {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export function Series({ samples, label, height = 280 }: { samples: Sample[]; label: string; height?: number }) {
  const box = useRef<HTMLDivElement>(null);
  const theme = useRef<() => void>(() => undefined);
  useEffect(() => {
    let remove = () => {};
    let current = true;
    void import("lightweight-charts").then(({ createChart, HistogramSeries, LineSeries, LineType }) => {
      if (!current || !box.current) return;
      const chart = createChart(box.current, {
        autoSize: true,
        // The library's mark would be inline style, which the policy forbids: its notice stands on the page.
        layout: { attributionLogo: false, fontFamily: "IBM Plex Mono, monospace", fontSize: 11 },
        timeScale: { timeVisible: true, secondsVisible: false, borderVisible: false },
        rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.3 } },
        handleScale: { mouseWheel: false },
      });
      const volume = chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceLineVisible: false, lastValueVisible: false });
      chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.78, bottom: 0 } });
      const line = chart.addSeries(LineSeries, {
        lineWidth: 2, lineType: LineType.WithSteps, pointMarkersVisible: samples.length < 80,
        crosshairMarkerVisible: true, priceLineVisible: false,
      });
      theme.current = () => {
        const [ink, grid, accent, soft, panel] = ["--dim", "--line", "--accent", "--soft", "--panel"].map(colour);
        chart.applyOptions({
          layout: { textColor: ink, background: { color: panel } },
          grid: { vertLines: { visible: false }, horzLines: { color: grid } },
        });
        line.applyOptions({ color: accent });
        volume.applyOptions({ color: soft });
      };
      theme.current();
      volume.setData(samples.map(({ time, volume }) => ({ time: time as never, value: volume })));
      line.setData(samples.flatMap(({ time, price }) => (price === null ? [] : [{ time: time as never, value: price }])));
      chart.timeScale().fitContent();
      remove = () => chart.remove();
    });
    return () => {
      current = false;
      remove();
    };
  }, [samples]);
  useEffect(() => {
    const repaint = () => theme.current();
    const system = matchMedia("(prefers-color-scheme: dark)");
    const chosen = new MutationObserver(repaint);
    chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    system.addEventListener("change", repaint);
    return () => {
      chosen.disconnect();
      system.removeEventListener("change", repaint);
    };
  }, []);
  if (!samples.length) return <p className="empty">Nothing was printed in this time.</p>;
  return (
    <figure className="series">
      <div ref={box} style={{ blockSize: height }} role="img" aria-label={label} />
    </figure>
  );
}
