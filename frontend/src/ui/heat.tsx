/** Volume by weekday and hour, as a table whose cells are shaded. */

import type { Heatmap } from "../api/liquidity";

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LEVELS = 6;

export function Heat({ heat, show }: { heat: Heatmap; show: (volume: string) => string }) {
  const most = heat.cells.flat().reduce((max, cell) => (BigInt(cell.volume) > max ? BigInt(cell.volume) : max), 0n);
  if (!most) return <p className="empty">Nothing was traded in this time.</p>;
  const level = (volume: string) => (volume === "0" ? 0 : 1 + Number((BigInt(volume) * BigInt(LEVELS - 1)) / most));
  return (
    <div className="table heat" role="region" aria-label="Volume by weekday and hour" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span className="unseen">Day</span>
            </th>
            {Array.from({ length: heat.columns }, (_, hour) => (
              <th key={hour} scope="col">
                {String(hour).padStart(2, "0")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {heat.cells.map((row, day) => (
            <tr key={day}>
              <th scope="row">{DAYS[day]}</th>
              {row.map((cell, hour) => (
                <td
                  key={hour}
                  className={`level-${Math.min(level(cell.volume), LEVELS)}`}
                  title={`${DAYS[day]} ${hour}:00, ${show(cell.volume)} in ${cell.prints} prints`}
                >
                  <span className="unseen">{show(cell.volume)}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
