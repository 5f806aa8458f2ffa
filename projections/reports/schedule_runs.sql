-- What was run by schedules, and how did it end?
-- One row for each run, newest first. `status` is running, done, failed, timed out or interrupted (its process was ended too often);
-- `missed_count` are due times before it that passed while nothing ran, which this run stands for.
-- parameter schedule String = all: only this schedule; empty for all
-- period due_at: when the run was due
SELECT
    schedule,
    due_at,
    if(outcome = '', 'running', replaceAll(lower(outcome), '_', ' ')) AS status,
    attempts,
    missed_count,
    command,
    begun_at,
    if(outcome = '', NULL, ended_at) AS ended_at,
    exit_code,
    detail
FROM
(
    SELECT
        toString(schedule) AS schedule,
        assumeNotNull(due_at) AS due_at,
        max(attempt) AS attempts,
        maxIf(missed_count, record_type = 'ScheduleRunBegun') AS missed_count,
        argMinIf(command, source_offset, record_type = 'ScheduleRunBegun') AS command,
        minIf(occurred_at, record_type = 'ScheduleRunBegun') AS begun_at,
        argMaxIf(toString(outcome), source_offset, record_type = 'ScheduleRunEnded') AS outcome,
        maxIf(occurred_at, record_type = 'ScheduleRunEnded') AS ended_at,
        argMaxIf(exit_code, source_offset, record_type = 'ScheduleRunEnded') AS exit_code,
        argMaxIf(detail, source_offset, record_type = 'ScheduleRunEnded') AS detail
    FROM fct_schedule_runs FINAL
    WHERE record_type != 'ScheduleDefined' AND ({schedule:String} = '' OR schedule = {schedule:String})
    GROUP BY schedule, due_at
)
ORDER BY due_at DESC, schedule
