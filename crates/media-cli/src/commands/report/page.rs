//! The page itself: HTML that asks nobody for anything.

use std::fmt::{self, Write as _};

use chrono::NaiveDate;
use media_storage::Entry;

use crate::commands::report::chart::{Line, over_time};
use crate::commands::report::survey::Survey;
use crate::quantity::{counted, human_bytes, human_count, human_share, human_time};
use crate::shares::Share;

/// How many users and types are listed.
const ROWS: usize = 20;

const STYLE: &str = "
:root{color-scheme:light dark;--fg:#1d2733;--dim:#5f6b7a;--bg:#fff;--card:#f5f7fa;--line:#dde3ea;--seen:#9db8d9;--new:#2b6cb0}
@media(prefers-color-scheme:dark){:root{--fg:#e6ebf1;--dim:#98a4b3;--bg:#12171d;--card:#1b222b;--line:#2d3742;--seen:#4a6484;--new:#7fb2e6}}
*{box-sizing:border-box}body{margin:0 auto;max-width:960px;padding:32px 24px;font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
h1{font-size:24px;margin:0}h2{font-size:17px;margin:36px 0 12px}.dim{color:var(--dim)}.warn{color:#b7410e}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:24px}
.card{background:var(--card);border-radius:8px;padding:12px 16px}.card b{display:block;font-size:22px}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:right;white-space:nowrap;padding:4px 0 4px 16px;border-bottom:1px solid var(--line)}
th{font-weight:500;color:var(--dim)}th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal;overflow-wrap:anywhere;min-width:120px}
svg{display:block;width:100%;min-width:560px;height:auto}svg text{font-size:11px;fill:var(--dim)}.grid{stroke:var(--line)}.area{opacity:.25;stroke:none}
.line{fill:none;stroke-width:2}.area.seen{fill:var(--seen)}.line.seen{stroke:var(--seen)}.area.new{fill:var(--new)}.line.new{stroke:var(--new)}
.key{margin-right:16px}.key::before{content:'';display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}.key.seen::before{background:var(--seen)}.key.new::before{background:var(--new)}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:12px}
figure{margin:0;background:var(--card);border-radius:8px;overflow:hidden}figure img,.none{display:block;width:100%;height:140px;object-fit:contain;background:#fff}
.none{background:var(--line);text-align:center;line-height:140px;color:var(--dim)}
figcaption{padding:6px 8px;font-size:12px;color:var(--dim)}figcaption div{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}figcaption div:first-child{color:var(--fg)}
";

/// Text inside HTML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(300) {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Writes the page. `thumbnails` belong to the survey's newest images, in their order.
pub(crate) fn page(survey: &Survey, thumbnails: &[Option<String>]) -> String {
    let mut html = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut html, survey, thumbnails);
    html
}

fn write_page(html: &mut String, survey: &Survey, thumbnails: &[Option<String>]) -> fmt::Result {
    let policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
    write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\">\
         <link rel=\"icon\" href=\"data:,\"><title>Media report</title><style>{STYLE}</style></head><body>\n\
         <h1>Media report</h1><div class=\"dim\">{} ({}), {} UTC</div>\n",
        Escaped(&survey.location),
        Escaped(&survey.backend),
        human_time(survey.taken_at)
    )?;
    cards(html, survey)?;
    growth(html, survey)?;
    let users = ("user", "Largest users");
    shares(html, users, &survey.users)?;
    html.push_str(
        "<p class=\"dim\">Seen: bytes as callers see them. Stored: distinct bytes. Alone: bytes that \
         nobody else refers to, which deleting them would free.</p>\n",
    );
    shares(html, ("type", "Types"), &survey.types)?;
    expiry(html, survey)?;
    gallery(html, &survey.newest, thumbnails)?;
    html.push_str("</body></html>\n");
    Ok(())
}

fn cards(html: &mut String, survey: &Survey) -> fmt::Result {
    let usage = survey.usage;
    let saved = usage.logical_bytes.saturating_sub(usage.stored_bytes);
    html.push_str("<div class=\"cards\">");
    for (value, name) in [
        (human_count(usage.references), "references"),
        (human_count(usage.blobs), "distinct bodies"),
        (human_bytes(usage.logical_bytes), "referenced"),
        (human_bytes(usage.stored_bytes), "stored"),
        (human_share(saved, usage.logical_bytes), "saved by sharing"),
    ] {
        write!(html, "<div class=\"card\"><b>{value}</b>{name}</div>")?;
    }
    html.push_str("</div>\n");
    if survey.unreadable > 0 {
        let count = counted(survey.unreadable, "reference");
        write!(
            html,
            "<p class=\"warn\">{count} cannot be read; run media verify.</p>"
        )?;
    }
    Ok(())
}

fn growth(html: &mut String, survey: &Survey) -> fmt::Result {
    let running = |of: fn(&crate::commands::report::survey::Day) -> u64| -> Vec<(NaiveDate, u64)> {
        let sums = survey.days.iter().scan(0, |sum, (date, day)| {
            *sum += of(day);
            Some((*date, *sum))
        });
        // Growth begins at nothing, on the day before: one day alone is a line as well.
        let before = survey.days.keys().next().and_then(NaiveDate::pred_opt);
        before.map(|day| (day, 0)).into_iter().chain(sums).collect()
    };
    let lines = [
        Line {
            class: "seen",
            values: running(|day| day.seen),
        },
        Line {
            class: "new",
            values: running(|day| day.new),
        },
    ];
    html.push_str("<h2>Growth of what is stored now</h2>");
    if survey.days.is_empty() {
        html.push_str("<p class=\"dim\">Nothing is stored.</p>\n");
        return Ok(());
    }
    let chart = over_time(&lines);
    writeln!(
        html,
        "<div class=\"dim\"><span class=\"key seen\">referenced</span>\
         <span class=\"key new\">stored</span></div><div class=\"wide\">{chart}</div>"
    )
}

fn shares(
    html: &mut String,
    (column, title): (&str, &str),
    all: &[(String, Share)],
) -> fmt::Result {
    write!(
        html,
        "<h2>{title}</h2><div class=\"wide\"><table><tr><th>{column}</th><th>references</th><th>seen</th>\
         <th>stored</th><th>alone</th></tr>"
    )?;
    for (name, share) in all.iter().take(ROWS) {
        let name = if name.is_empty() { "(none)" } else { name };
        write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(name),
            human_count(share.references),
            human_bytes(share.seen),
            human_bytes(share.stored),
            human_bytes(share.alone)
        )?;
    }
    html.push_str("</table></div>\n");
    let more = all.len().saturating_sub(ROWS);
    if more > 0 {
        write!(
            html,
            "<p class=\"dim\">and {} more</p>",
            human_count(more as u64)
        )?;
    }
    Ok(())
}

fn expiry(html: &mut String, survey: &Survey) -> fmt::Result {
    html.push_str("<h2>What expires</h2>");
    if survey.expired > 0 {
        let count = counted(survey.expired, "reference");
        write!(
            html,
            "<p>Expired, and due with the next sweep: {count}.</p>"
        )?;
    }
    if survey.expiring.is_empty() {
        html.push_str("<p class=\"dim\">Nothing expires within 30 days.</p>");
    } else {
        html.push_str("<table><tr><th>day</th><th>references</th><th>referenced</th></tr>");
        for (day, (count, bytes)) in &survey.expiring {
            let (count, bytes) = (human_count(*count), human_bytes(*bytes));
            write!(
                html,
                "<tr><td>{day}</td><td>{count}</td><td>{bytes}</td></tr>"
            )?;
        }
        html.push_str("</table>");
    }
    if survey.expiring_later > 0 {
        let count = counted(survey.expiring_later, "reference");
        write!(html, "<p class=\"dim\">Later: {count}.</p>")?;
    }
    html.push('\n');
    Ok(())
}

fn gallery(html: &mut String, images: &[Entry], thumbnails: &[Option<String>]) -> fmt::Result {
    if images.is_empty() {
        return Ok(());
    }
    html.push_str("<h2>Newest images</h2><div class=\"gallery\">");
    for (entry, thumbnail) in images.iter().zip(thumbnails) {
        html.push_str("<figure>");
        match thumbnail {
            // Made here: a data URI of base64.
            Some(uri) => write!(html, "<img alt=\"\" src=\"{uri}\">")?,
            None => html.push_str("<div class=\"none\">no preview</div>"),
        }
        let name = entry.metadata.filename();
        let name = name.unwrap_or(entry.reference.file_name());
        let user = entry.metadata.user().map_or("", |user| user.as_str());
        write!(
            html,
            "<figcaption title=\"{name}\"><div>{name}</div><div>{size}</div><div>{time}</div>\
             <div>{user}</div></figcaption></figure>",
            name = Escaped(name),
            size = human_bytes(entry.reference.size().unwrap_or_default()),
            time = human_time(entry.stored_at),
            user = Escaped(user)
        )?;
    }
    html.push_str("</div>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        let shown = Escaped("<script>\"'&\u{1b}").to_string();
        assert_eq!(shown, "&lt;script&gt;&quot;&#39;&amp;\\u{1b}");
    }
}
