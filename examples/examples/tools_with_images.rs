//! A tool that returns an image, which the model then looks at.
//!
//! ```text
//! cargo run --example tools_with_images
//! cargo run --example tools_with_images -- --ask "Draw the rainfall of a week: 4 0 12 7 0 0 3"
//! ```
//!
//! The tool draws a chart as a PNG file. The image is stored as any other, and the model gets it with the result of
//! the call. Without a key the local peer calls the tool and says what came back.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use conversation_sdk::{
    ConversationManager, ManagerConfig, Part, SqliteStateStore, Start, Tool, ToolContext,
    ToolDefinition, ToolError, ToolOutput,
};
use examples::advice::failed;
use examples::chart;
use examples::errors::Failure;
use examples::options::Paths;
use examples::report::stored;
use examples::service::Service;
use examples::terminal::say;
use examples::turn::Turn;
use media_store_fs::FileStore;
use media_types::{MediaContent, Mime};
use serde_json::{Value, json};

/// A tool that returns an image, which the model then looks at.
#[derive(Debug, Parser)]
struct Options {
    /// What to ask, one turn each
    #[arg(long = "ask", value_name = "QUESTION", default_values = ["Draw a bar chart of 3, 9, 4, 12 and 7, and tell me what you see.", "Which bar is the highest?"])]
    questions: Vec<String>,

    #[command(flatten)]
    paths: Paths,
}

/// Draws bars.
#[derive(Debug)]
struct BarChart;

#[async_trait::async_trait]
impl Tool for BarChart {
    fn definition(&self) -> ToolDefinition {
        let values = json!({"type": "array", "items": {"type": "number"}, "description": "The height of each bar"});
        let parameters =
            json!({"type": "object", "properties": {"values": values}, "required": ["values"]});
        ToolDefinition::new("draw_bar_chart", "Draws a bar chart.", parameters)
    }

    async fn call(&self, given: Value, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        // What the model reads when it asked for something that cannot be drawn.
        let refuse = || ToolError::new("'values' has to be 1 to 40 numbers from 0");
        let values = given
            .get("values")
            .and_then(Value::as_array)
            .ok_or_else(refuse)?;
        let values: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
        let png = values
            .and_then(|values| chart::bars(&values))
            .ok_or_else(refuse)?;
        let chart = MediaContent::from_bytes(Mime::IMAGE_PNG, png).with_caption("A bar chart");
        Ok(ToolOutput::new(vec![
            Part::text("The chart is drawn; here it is."),
            Part::Media(chart),
        ]))
    }
}

fn main() -> ExitCode {
    examples::run(tools_with_images)
}

async fn tools_with_images() -> Result<(), Failure> {
    let options = Options::parse();
    let service = Service::connect().await?;
    say(service.notice());
    let media = FileStore::open(&options.paths.media_dir)
        .await
        .map_err(failed)?;
    let state = SqliteStateStore::open(&options.paths.state)
        .await
        .map_err(failed)?;
    let manager = ConversationManager::builder()
        .with_provider(service.provider())
        .with_tool(BarChart)
        .with_media_storage(media)
        .with_state_store(state)
        // Charts are small, and leave the history all the same.
        .with_config(ManagerConfig::default().with_media_size_threshold_kb(0))
        .build()
        .map_err(failed)?;
    let start = Start::new().with_system("You draw charts with your tool, and say what they show.");
    let mut conversation = manager.start(start).await.map_err(failed)?;
    for question in &options.questions {
        say(format_args!("\n> {question}"));
        let turn = Turn::take(&mut conversation, question.as_str()).await?;
        let turn = turn.ok_or_else(Turn::stopped)?;
        say(&turn);
        for reference in stored(turn.response().messages()) {
            say(format_args!("  stored:  {}", reference.id()));
        }
    }
    let deadline = Duration::from_secs(5);
    manager.shutdown(deadline).await.map_err(failed)
}
