import { fetchPprof } from "../api/querier.ts";
import { ApiError } from "../api/errors.ts";
import type { GraphData } from "./queries.ts";
import { parseProfileType } from "../format/profile_type.ts";
import { equalTo } from "../state/selector.ts";
import { type ExploreState, formatState } from "../state/url_state.ts";
import { Popover } from "../ui/popover.tsx";
import { copyText, fileName, gzip, saveFile } from "../export/download.ts";
import { toFlameGraphJson, toFolded } from "../export/folded.ts";

interface Props {
  state: ExploreState;
  data: GraphData | undefined;
  notify(text: string): void;
}

async function downloadPprof(data: GraphData, tenant: string): Promise<string> {
  const raw = await fetchPprof(data.query, { tenant });
  if (raw.byteLength === 0) throw new ApiError("not_found", "There is no profile in this range.", 200, "");
  // pprof files are gzip'ed by custom; readers take both.
  if (typeof CompressionStream === "undefined") saveFile(nameFor(data, "pb"), "application/octet-stream", raw);
  else saveFile(nameFor(data, "pb.gz"), "application/gzip", await gzip(raw));
  return "pprof downloaded.";
}

function nameFor(data: GraphData, extension: string): string {
  const { profileTypeID, labelSelector, start } = data.query;
  const type = parseProfileType(profileTypeID);
  const when = new Date(start).toISOString().slice(0, 19);
  return fileName([equalTo(labelSelector, "service_name"), type.name, type.sampleType, when], extension);
}

export function ExportMenu({ state, data, notify }: Props) {
  const link = (patch: Partial<ExploreState>) => {
    const address = new URL(`./explore${formatState({ ...state, ...patch })}`, location.href).href;
    void copyText(address).then((copied) => notify(copied ? "Link copied." : address));
  };
  const frozen = data && { from: String(data.query.start), until: String(data.query.end), refresh: "off" as const };
  const items: { label: string; note: string; needsData: boolean; run(): void }[] = [
    { label: "Copy link", note: "as in the address bar", needsData: false, run: () => link({}) },
    { label: "Copy frozen link", note: "with the times shown now", needsData: true, run: () => frozen && link(frozen) },
    {
      label: "Download pprof",
      note: "merged by the server, all nodes",
      needsData: true,
      run: () => {
        if (!data) return;
        downloadPprof(data, state.tenant).then(notify, (e: Error) => notify(`pprof download failed: ${e.message}`));
      },
    },
    {
      label: "Download folded",
      note: "text, one line per stack",
      needsData: true,
      run: () => data && saveFile(nameFor(data, "folded"), "text/plain;charset=utf-8", toFolded(data.model)),
    },
    {
      label: "Download JSON",
      note: "flame graph as the API sends it",
      needsData: true,
      run: () =>
        data && saveFile(nameFor(data, "json"), "application/json", JSON.stringify(toFlameGraphJson(data.model))),
    },
  ];
  return (
    <Popover label="Export" title="Export" align="right" popup="menu">
      {(close) => (
        <div class="menu" role="menu" aria-label="Export">
          {items.map((item) => (
            <button
              type="button"
              role="menuitem"
              key={item.label}
              disabled={item.needsData && (!data || data.model.grandTotal === 0)}
              onClick={() => {
                close();
                item.run();
              }}
            >
              {item.label}
              <span class="note">{item.note}</span>
            </button>
          ))}
        </div>
      )}
    </Popover>
  );
}
